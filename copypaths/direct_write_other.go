//go:build !linux

package copypaths

func directWrite() binding {
	return unsupported("copylab reads past the page cache by O_DIRECT on Linux only")
}
