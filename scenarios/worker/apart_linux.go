package worker

import "syscall"

// apart puts a worker into a process group of its own, so that Ctrl-C reaches the command alone, and has the kernel kill it
// with the command (PR_SET_PDEATHSIG, prctl(2)).
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
