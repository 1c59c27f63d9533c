//go:build !linux

package copypaths

func send() binding {
	return unsupported("copylab sends from memory on Linux only: golang.org/x/sys does not say elsewhere how many bytes a send(2) took")
}
