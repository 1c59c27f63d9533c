package diskwrite

import (
	"sync"
	"time"
)

// group lets writers share syncs. A writer whose write has ended and that finds no sync under way makes one, for
// everything that has ended by then; a writer that finds one under way waits for it, and then for the next, since what is
// under way began too early to serve it. One of those that waited makes that next one.
//
// It is made of a mutex and a condition variable of Go's: a writer that waits gives its processor back, as a program in Go
// would. Waking one takes microseconds, which BenchmarkNullWriters shows.
type group struct {
	mu       sync.Mutex
	settled  sync.Cond // a sync ended
	syncing  bool
	written  int64 // writes that ended
	served   int64 // of these, the ones that a sync made durable
	unsynced unsynced
	taken    unsynced // by the sync that is under way
	failed   bool
}

func newGroup(files int) *group {
	g := &group{unsynced: newUnsynced(files), taken: newUnsynced(files)}
	g.settled.L = &g.mu
	return g
}

// commit returns when all that w wrote is durable, and tells when that was. It is not ok where a sync failed: the writer that made
// it has the error.
func (g *group) commit(w *writer, call SyncCall, epoch time.Time) (ended time.Duration, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, file := range w.unsynced.files() {
		g.unsynced.add(int(file))
	}
	w.unsynced.clear()
	g.written++
	own := g.written
	for g.served < own && !g.failed {
		if g.syncing {
			g.settled.Wait()
			continue
		}
		g.sync(w, call, epoch)
	}
	return time.Since(epoch), g.served >= own
}

// sync makes everything durable that was written before it began. It is called with the lock, which others may have while the
// system call lasts.
func (g *group) sync(w *writer, call SyncCall, epoch time.Time) {
	serves := g.written
	g.unsynced, g.taken = g.taken, g.unsynced
	g.syncing = true
	g.mu.Unlock()
	w.sync(call, &g.taken, epoch, time.Since(epoch))
	g.mu.Lock()
	g.syncing = false
	if w.err != nil {
		g.failed = true
	} else {
		g.served = serves
	}
	g.settled.Broadcast()
}
