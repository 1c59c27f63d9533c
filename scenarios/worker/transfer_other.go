//go:build !unix

package worker

import (
	"context"
	"errors"
	"runtime"
)

func send(context.Context, *control, Send) (*Result, error) {
	return nil, errors.New("send: transfers are not built for " + runtime.GOOS + " yet")
}

func receive(context.Context, *control, Receive) (*Result, error) {
	return nil, errors.New("receive: transfers are not built for " + runtime.GOOS + " yet")
}
