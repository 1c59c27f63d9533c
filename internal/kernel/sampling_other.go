//go:build !linux

package kernel

import (
	"errors"
	"runtime"
)

// Sampler takes samples of what a thread or a CPU executes; only Linux is built for.
type Sampler struct{}

func noSampling() error { return errors.New("stacks are not sampled on " + runtime.GOOS) }

// SampleThread says that there is no sampler here.
func SampleThread(int, int64) (*Sampler, error) { return nil, noSampling() }

// SampleProcess says that there is no sampler here.
func SampleProcess(int64, ...int) ([]*Sampler, error) { return nil, noSampling() }

// SampleCPU says that there is no sampler here.
func SampleCPU(int, int64) (*Sampler, error) { return nil, noSampling() }

// SampleCPUs says that there is no sampler here.
func SampleCPUs(int64) ([]*Sampler, error) { return nil, noSampling() }

// PeriodNS is nothing.
func (*Sampler) PeriodNS() int64 { return 0 }

// Start has nothing to start.
func (*Sampler) Start() error { return errors.ErrUnsupported }

// Pause has nothing to stop.
func (*Sampler) Pause() error { return errors.ErrUnsupported }

// Stop has nothing to tell.
func (*Sampler) Stop() (Samples, error) { return Samples{}, errors.ErrUnsupported }

// Close does nothing.
func (*Sampler) Close() error { return nil }

// ProbeSampling says that there is none here.
func ProbeSampling() SamplingStatus {
	none := Unavailable("%v", noSampling())
	return SamplingStatus{User: none, Kernel: none, CPU: none, Symbols: none}
}
