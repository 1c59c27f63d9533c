package receivers

import (
	"bytes"
	"errors"

	"golang.org/x/sys/unix"

	"copylab/internal/kernel"
)

// discard lets TCP drop the bytes: recv(2) with MSG_TRUNC, which counts them and copies none (tcp(7)). It shows what a
// sender could do if receiving cost next to nothing.
func discard() binding { return binding{probe: probeDiscard, open: openDiscard} }

func openDiscard(e End) (Taker, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	return &recvTaker{socket: e.Socket, buffer: e.Buffer, flags: unix.MSG_TRUNC, kernel: kernel.Calls{Raw: e.Dedicated}}, nil
}

func probeDiscard() Status {
	return try(openDiscard, func(_ Taker, _, buffer []byte) error {
		if !bytes.Equal(buffer, make([]byte, len(buffer))) {
			return errors.New("this kernel copies the bytes all the same")
		}
		return nil
	})
}
