//go:build !linux

package copypaths

func sendmsg() binding {
	return unsupported("copylab sends from memory on Linux only: golang.org/x/sys allocates memory for each sendmsg(2) elsewhere")
}
