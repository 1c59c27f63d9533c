package worker

import (
	"bytes"
	"os"
	"strconv"

	"copylab/results/measured"
)

// peakMemory is this process's own peak: VmHWM of /proc/self/status (proc_pid_status(5)). It passes ru_maxrss over, which
// on Linux begins with the peak of the process that started this one (fs/exec.c, exec_mmap).
func peakMemory(int64) measured.Int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return measured.Unavailable[int64]("%v", err)
	}
	for line := range bytes.Lines(status) {
		rest, ok := bytes.CutPrefix(line, []byte("VmHWM:"))
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
		if err != nil {
			return measured.Unavailable[int64]("VmHWM in /proc/self/status: %v", err)
		}
		return measured.Known(kib * 1024)
	}
	return measured.Unavailable[int64]("/proc/self/status has no VmHWM")
}
