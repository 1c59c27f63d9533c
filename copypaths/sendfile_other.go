//go:build !linux

package copypaths

import "runtime"

func sendfile() binding {
	return unsupported("copylab has Linux's sendfile(2) only, not the call of " + runtime.GOOS + "; go-io-copy uses that one")
}
