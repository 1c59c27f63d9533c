//go:build !linux

package copypaths

func ktlsSendfile() binding {
	return unsupported("copylab gives TLS keys to Linux's kernel only")
}
