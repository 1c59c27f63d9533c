//go:build !unix

package sink

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// Server is a sink. There is none for this operating system.
type Server struct{}

// Listen fails on this operating system.
func Listen(Options) (*Server, error) {
	return nil, fmt.Errorf("listen: copylab sink is not built for %s: run it on Linux, macOS or FreeBSD: %w", runtime.GOOS, errors.ErrUnsupported)
}

// Address is empty on this operating system.
func (s *Server) Address() string { return "" }

// Serve fails on this operating system.
func (s *Server) Serve(context.Context) error { return errors.ErrUnsupported }
