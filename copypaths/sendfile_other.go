//go:build !linux && !darwin && !freebsd

package copypaths

import "runtime"

func sendfile() binding {
	return unsupported("copylab has the sendfile(2) of Linux, macOS and FreeBSD, not a call of " + runtime.GOOS + "; go-io-copy uses what there is")
}
