package diskwrite

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// vectorRecords is how many records a block is written as: what a log does that hands a batch of records to the kernel
// without gathering them first.
const vectorRecords = 8

// vectored writes each block as records, one after the other in memory and in the file, by one pwritev(2). They are of one
// size, but for the last one, which has the rest too.
func vectored() binding {
	return flagged{unsynced: inPageCache, file: func(d *descriptor) (File, error) { return &vectoredFile{descriptor: d}, nil }}.binding()
}

type vectoredFile struct {
	*descriptor
	// A field, since the kernel is given its address and a variable would be allocated.
	records [vectorRecords]unix.Iovec
}

// split describes block in at most vectorRecords records, none of which is empty.
func (v *vectoredFile) split(block []byte) []unix.Iovec {
	n := min(vectorRecords, len(block))
	each := len(block) / n
	for i := range n {
		v.records[i].Base = &block[i*each]
		v.records[i].SetLen(each)
	}
	v.records[n-1].SetLen(len(block) - (n-1)*each)
	return v.records[:n]
}

func (v *vectoredFile) WriteBlock(block []byte, off int64) error {
	if len(block) == 0 {
		return nil
	}
	records, done := v.split(block), 0
	for {
		n, err := v.calls.Pwritev(v.fd, records, off+int64(done))
		v.writes++
		if err == nil {
			if done += n; done == len(block) {
				return nil
			}
			if n > 0 { // see descriptor.WriteBlock: the rest is split anew
				records = v.split(block[done:])
				continue
			}
			err = io.ErrShortWrite
		}
		if !errors.Is(err, unix.EINTR) {
			return v.writeError("pwritev", block, off, done, err)
		}
	}
}

func (v *vectoredFile) Syscalls() map[string]int64 {
	return counted(map[string]int64{"pwritev": v.writes}, v.syncCounts())
}
