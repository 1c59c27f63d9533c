//go:build !linux

package copypaths

func sendZerocopy() binding { return unsupported("MSG_ZEROCOPY is a flag of Linux") }
