//go:build !linux

package copypaths

import "runtime"

func uringReadSend() binding     { return noUring() }
func uringSendZC() binding       { return noUring() }
func uringSplice() binding       { return noUring() }
func uringSend() binding         { return noUring() }
func uringMemorySendZC() binding { return noUring() }

func noUring() binding {
	return unsupported("io_uring is a Linux interface; " + runtime.GOOS + " has none")
}
