//go:build !linux

package copypaths

func splice() binding { return unsupported("splice(2) is a call of Linux") }
