package hdd

// extent is a run of bytes in the write cache that is not yet on the medium.
type extent struct{ start, end int64 }

// elevator holds what the write cache has still to write, and hands it out in C-LOOK order: from the lowest place that is
// not behind the last one, inwards, and then from the outermost again. Drives choose among what they hold by the time
// to get there, rotation included, and are faster by that; they keep how to themselves.
//
// Its memory is bounded by the cache's size: an extent has at least one byte of it.
type elevator struct {
	extents []extent
	free    []int32
	// ahead and behind are heaps of extents, by their start.
	ahead, behind []int32
	starts, ends  map[int64]int32
	position      int64 // the end of the last extent that was handed out
}

func newElevator(position int64) elevator {
	return elevator{starts: map[int64]int32{}, ends: map[int64]int32{}, position: position}
}

func (e *elevator) empty() bool { return len(e.ahead)+len(e.behind) == 0 }

// add takes in a run of bytes and says how many bytes of the cache that needs, and whether it went into an extent that
// was there: over one with the same start that is at least as long, or behind one that ends where it begins, as long as
// that does not grow over the limit.
func (e *elevator) add(x extent, limit int64) (bytes int64, merged bool) {
	if i, ok := e.starts[x.start]; ok && e.extents[i].end >= x.end {
		return 0, true
	}
	if i, ok := e.ends[x.start]; ok && x.end-e.extents[i].start <= limit {
		delete(e.ends, x.start)
		e.extents[i].end = x.end
		e.ends[x.end] = i
		return x.end - x.start, true
	}
	var i int32
	if n := len(e.free); n > 0 {
		i = e.free[n-1]
		e.free = e.free[:n-1]
		e.extents[i] = x
	} else {
		i = int32(len(e.extents))
		e.extents = append(e.extents, x)
	}
	e.starts[x.start], e.ends[x.end] = i, i
	if x.start >= e.position {
		e.ahead = e.push(e.ahead, i)
	} else {
		e.behind = e.push(e.behind, i)
	}
	return x.end - x.start, false
}

// next hands out the extent to be written now. There must be one.
func (e *elevator) next() extent {
	if len(e.ahead) == 0 {
		e.ahead, e.behind = e.behind, e.ahead
	}
	var i int32
	i, e.ahead = e.pop(e.ahead)
	x := e.extents[i]
	// A longer extent may have taken the place of a shorter one with the same start or end.
	if e.starts[x.start] == i {
		delete(e.starts, x.start)
	}
	if e.ends[x.end] == i {
		delete(e.ends, x.end)
	}
	e.free = append(e.free, i)
	e.position = x.end
	return x
}

func (e *elevator) less(a, b int32) bool {
	if e.extents[a].start != e.extents[b].start {
		return e.extents[a].start < e.extents[b].start
	}
	return a < b
}

// push and pop are those of a binary heap. container/heap would allocate for each extent.
func (e *elevator) push(heap []int32, i int32) []int32 {
	heap = append(heap, i)
	at := len(heap) - 1
	for at > 0 {
		parent := (at - 1) / 2
		if !e.less(heap[at], heap[parent]) {
			break
		}
		heap[at], heap[parent] = heap[parent], heap[at]
		at = parent
	}
	return heap
}

func (e *elevator) pop(heap []int32) (int32, []int32) {
	top, last := heap[0], len(heap)-1
	heap[0] = heap[last]
	heap = heap[:last]
	for at := 0; ; {
		child := 2*at + 1
		if child >= last {
			break
		}
		if child+1 < last && e.less(heap[child+1], heap[child]) {
			child++
		}
		if !e.less(heap[child], heap[at]) {
			break
		}
		heap[at], heap[child] = heap[child], heap[at]
		at = child
	}
	return top, heap
}
