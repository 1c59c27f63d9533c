package worker

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// TestNoCollectionWithinATrial: a collection in mid-trial would stop both sides for ever. See putOffCollections.
func TestNoCollectionWithinATrial(t *testing.T) {
	percent := debug.SetGCPercent(-1)
	limit := debug.SetMemoryLimit(1 << 20) // more is in use: every allocation asks for a collection
	defer func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	}()
	putOffCollections(1)
	before := collections()
	var kept [][]byte
	for range 64 {
		kept = append(kept, make([]byte, 1<<20))
	}
	if after := collections(); after != before {
		t.Errorf("%d collections while 64 MiB were allocated; want none", after-before)
	}
	for range 512 { // a bound there is all the same
		kept[0] = make([]byte, 1<<20)
	}
	if collections() == before {
		t.Error("no collection while 512 MiB were allocated and dropped; want some")
	}
	runtime.KeepAlive(kept)
}

func collections() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NumGC
}
