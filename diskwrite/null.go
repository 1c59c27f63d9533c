package diskwrite

import "copylab/internal/kernel"

// null binds the writer that writes nothing. A run of it costs what every other run costs besides its system calls: the
// call through the interface, the clock, the histogram and the next offset.
func null() binding {
	return binding{
		probe: func(string) Status { return kernel.Available() },
		open:  func(string) (File, error) { return nullFile{}, nil },
	}
}

type nullFile struct{}

func (nullFile) WriteBlock([]byte, int64) error { return nil }
func (nullFile) Sync(SyncCall) error            { return nil }
func (nullFile) Durable(bool) (bool, string)    { return false, "the null writer writes nothing" }
func (nullFile) Syscalls() map[string]int64     { return map[string]int64{} }
func (nullFile) Close() error                   { return nil }
