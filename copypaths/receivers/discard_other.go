//go:build !linux

package receivers

func discard() binding {
	return unsupported("only Linux's TCP drops bytes for recv(2) with MSG_TRUNC")
}
