package host

import "fmt"

// keepAtMost and a tenth of the filesystem: the smaller of the two always stays free.
const keepAtMost = 1 << 30

// NoRoomError says that a folder's filesystem has too little space for what is to be written. Sizes are in bytes.
type NoRoomError struct {
	Dir  string
	Need int64 // for the files
	Have int64 // free for this user
	Keep int64 // that must stay free
}

func (e *NoRoomError) Error() string {
	return fmt.Sprintf("make room in %s: need %s, have %s free, of which %s stay free: remove files there, choose a folder on another filesystem, or choose smaller files",
		e.Dir, HumanBytes(e.Need), HumanBytes(e.Have), HumanBytes(e.Keep))
}

// RoomFor tells whether need bytes can be written in the folder dir so that a tenth of its filesystem, or 1 GiB where
// that is less, stays free. The error is a *NoRoomError where they can't.
func RoomFor(dir string, need int64) error {
	free, total, err := FreeSpace(dir)
	if err != nil {
		return err
	}
	return roomFor(dir, need, free, total)
}

func roomFor(dir string, need, free, total int64) error {
	if need < 0 || free < 0 || total < 0 {
		return fmt.Errorf("check room in %s: sizes can't be negative: need %d, free %d, total %d", dir, need, free, total)
	}
	keep := keep(total)
	// free − keep can't overflow: neither is negative.
	if need > free-keep {
		return &NoRoomError{Dir: dir, Need: need, Have: free, Keep: keep}
	}
	return nil
}

// keep is how many bytes of a filesystem of total bytes always stay free.
func keep(total int64) int64 { return min(total/10, keepAtMost) }

// blocks multiplies a number of blocks by their size; a filesystem whose size doesn't fit gets the largest that does.
func blocks(n, size uint64) int64 {
	const most = 1<<63 - 1
	if size != 0 && n > most/size {
		return most
	}
	return int64(n * size)
}
