package sink

import (
	"fmt"
	"sync"
	"time"
)

// logbook passes lines on, but no more than so many a second; of the others it tells the number. A flood of clients must not become a
// flood of lines.
type logbook struct {
	write func(line string)
	most  int // lines a second

	mu     sync.Mutex
	began  time.Time // of the second
	count  int       // of lines in it
	missed int
	later  *time.Timer // tells of the missed ones
	closed bool
}

const mostLineLength = 400 // bytes

func (l *logbook) printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.began) >= time.Second {
		l.tellMissed()
		l.began, l.count = now, 0
	}
	if l.count++; l.count > l.most {
		if l.missed++; l.later == nil && !l.closed {
			l.later = time.AfterFunc(time.Second, func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.tellMissed()
			})
		}
		return
	}
	line := fmt.Sprintf(format, args...)
	if len(line) > mostLineLength {
		line = line[:mostLineLength] + "…"
	}
	l.write(line)
}

func (l *logbook) tellMissed() {
	if l.later != nil {
		l.later.Stop()
		l.later = nil
	}
	if l.missed > 0 {
		l.write(fmt.Sprintf("and %d more", l.missed))
		l.missed = 0
	}
}

// close tells what is still to be told.
func (l *logbook) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.tellMissed()
}
