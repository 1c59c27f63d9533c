package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"copylab/scenarios/worker"
)

func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// workers lists the worker processes of the lab's commands that are alive: those whose environment has both marks.
func (l *lab) workers() []int {
	var pids []int
	for pid, env := range environments() {
		if bytes.Contains(env, []byte("\x00"+markVariable+"="+l.mark+"\x00")) && bytes.Contains(env, []byte("\x00"+worker.RunVariable+"=")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// environments maps each process of this user to its environment, with a zero byte before and after each variable. A
// zombie has none.
func environments() map[int][]byte {
	all := map[int][]byte{}
	names, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return all
	}
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			continue
		}
		if env, err := os.ReadFile(name); err == nil && len(env) > 0 {
			all[pid] = append([]byte{0}, env...)
		}
	}
	return all
}
