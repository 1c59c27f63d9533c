//go:build !linux

package copypaths

func mmapZerocopy() binding { return unsupported("MSG_ZEROCOPY is a flag of Linux") }
