//go:build !linux

package copypaths

func runChild() bool { return false }
