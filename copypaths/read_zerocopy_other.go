//go:build !linux

package copypaths

func readZerocopy() binding { return unsupported("MSG_ZEROCOPY is a flag of Linux") }
