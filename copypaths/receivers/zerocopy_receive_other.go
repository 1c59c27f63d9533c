//go:build !linux

package receivers

func zerocopyReceive() binding {
	return unsupported("TCP_ZEROCOPY_RECEIVE is an option of Linux's TCP")
}
