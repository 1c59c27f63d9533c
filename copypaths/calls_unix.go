//go:build unix

package copypaths

import (
	"errors"

	"golang.org/x/sys/unix"
)

// mostPerCall is the most that one read(2), write(2) or sendfile(2) moves on Linux (MAX_RW_COUNT). Asking for more is
// useless there and an error elsewhere.
const mostPerCall = 0x7ffff000

// writeAll writes p to a blocking socket. A blocking write(2) is cut short only by a signal: then it goes on.
func (c calls) writeAll(socket int, p []byte, writes *int64) error {
	for rest := p; len(rest) > 0; {
		k, err := c.write(socket, rest[:min(len(rest), mostPerCall)])
		*writes++
		switch {
		case err == nil:
			rest = rest[k:]
		case !errors.Is(err, unix.EINTR):
			return sendFailed("write", err, int64(len(p)-len(rest)), int64(len(p)))
		}
	}
	return nil
}
