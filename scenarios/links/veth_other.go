//go:build !linux

package links

import (
	"context"
	"errors"
	"runtime"

	"copylab/internal/kernel"
)

func probeVeth() kernel.Status {
	return kernel.Unavailable("veth links are made of Linux network namespaces; %s has none", runtime.GOOS)
}

func openVeth(context.Context, Spec) (*Link, error) { return nil, errors.New(probeVeth().Reason) }
