//go:build !linux

package diskwrite

import (
	"errors"
	"fmt"

	"copylab/internal/kernel"
)

// unsupported binds a method that this operating system does not have.
func unsupported(why string) binding {
	return binding{
		probe: func(string) Status { return kernel.Unavailable("%s", why) },
		open: func(name string) (File, error) {
			return nil, fmt.Errorf("open %s: %s: %w; choose another method", name, why, errors.ErrUnsupported)
		},
	}
}
