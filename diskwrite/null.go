package diskwrite

import (
	"errors"

	"copylab/internal/kernel"
)

// null binds the writer that writes nothing. A run of it costs what every other run costs besides its system calls: the
// call through the interface, the clock, the histogram and the next offset; with several writes in flight, their slots.
func null() binding {
	return binding{
		probe: func(string) Status { return kernel.Available() },
		open:  func(string) (File, error) { return &nullFile{}, nil },
	}
}

// nullFile is a queue whose writes are done in the order in which they were submitted.
type nullFile struct {
	slots    [MostDepth]uint16
	from, to int // of what is in flight, counted from the first
}

func (*nullFile) WriteBlock([]byte, int64) error { return nil }
func (*nullFile) Sync(SyncCall) error            { return nil }
func (*nullFile) Durable(bool) (bool, string)    { return false, "the null writer writes nothing" }
func (*nullFile) Syscalls() map[string]int64     { return map[string]int64{} }
func (*nullFile) Close() error                   { return nil }
func (*nullFile) Ready(int, []byte) error        { return nil }

func (n *nullFile) Submit(slot int, _ []byte, _ int64) error {
	n.slots[n.to%MostDepth] = uint16(slot)
	n.to++
	return nil
}

func (n *nullFile) Wait() (int, error) {
	if n.from == n.to {
		return -1, errors.New("wait for writes: none is in flight")
	}
	n.from++
	return int(n.slots[(n.from-1)%MostDepth]), nil
}
