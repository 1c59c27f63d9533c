//go:build unix && !linux

package worker

import "syscall"

// apart puts a worker into a process group of its own, so that Ctrl-C reaches the command alone. It ends with the command
// because it reads the end of its standard input.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
