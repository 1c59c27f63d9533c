//go:build unix && !linux

package main

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }

// workers needs /proc.
func (l *lab) workers() []int { return nil }
