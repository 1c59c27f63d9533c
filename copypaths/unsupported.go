//go:build !linux

package copypaths

import "copylab/internal/kernel"

// unsupported binds a path that this operating system does not have.
func unsupported(why string) binding {
	return binding{
		probe: func() Status { return kernel.Unavailable("%s", why) },
		open:  func(Ends) (Mover, error) { return nil, &UnsupportedError{Why: why} },
	}
}
