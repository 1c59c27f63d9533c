//go:build !linux

package receivers

import "copylab/internal/kernel"

// unsupported binds a receiver that this operating system does not have.
func unsupported(why string) binding {
	return binding{
		probe: func() Status { return kernel.Unavailable("%s", why) },
		open:  func(End) (Taker, error) { return nil, &UnsupportedError{Why: why} },
	}
}
