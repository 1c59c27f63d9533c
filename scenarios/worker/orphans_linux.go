package worker

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// KillOrphans kills workers of this user whose command is gone, and returns their process IDs. The kernel kills a worker with
// its command (PR_SET_PDEATHSIG), so there should be none; this is for what should not be.
func KillOrphans() (killed []int, err error) {
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil, fmt.Errorf("look for workers: %w", err)
	}
	var errs []error
	for _, name := range environments {
		env, err := os.ReadFile(name)
		if err != nil {
			continue // another user's, or ended meanwhile
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil || !isOrphan(pid, env) {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, fmt.Errorf("kill worker %d: %w", pid, err))
			continue
		}
		killed = append(killed, pid)
	}
	return killed, errors.Join(errs...)
}

// isOrphan tells whether the process is one of copylab's workers and has been handed to init.
func isOrphan(pid int, env []byte) bool {
	ours := false
	for _, v := range bytes.Split(env, []byte{0}) {
		ours = ours || bytes.HasPrefix(v, []byte(RunVariable+"="))
	}
	if !ours {
		return false
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !bytes.Contains(cmdline, []byte("\x00worker\x00")) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// pid (comm) state ppid …: comm may hold spaces and brackets, so count from its end (proc_pid_stat(5)).
	rest := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	return len(rest) > 1 && string(rest[1]) == "1"
}
