//go:build !linux

package worker

import (
	"errors"
	"runtime"
)

func enterNamespace(int) error {
	return errors.New("enter network namespace: there are none on " + runtime.GOOS)
}
