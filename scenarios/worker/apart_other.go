//go:build !unix

package worker

import "syscall"

// apart needs nothing here: a worker ends with the command because it reads the end of its standard input.
func apart() *syscall.SysProcAttr { return nil }
