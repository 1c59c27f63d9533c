package worker

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/stats"
)

// The working sets of measureMemoryCopy: both buffers together, as parts and multiples of the last-level cache. Half of it leaves
// room for what else is there; four times it can't stay.
const (
	cachedShare   = 2 // a half
	uncachedTimes = 4
	// What is taken where the size of the cache is not known, and the most that is.
	usualCache       = 32 << 20
	mostUncachedSize = 1 << 30
	// piece is what one copy moves: a block of the size that most writes have here.
	piece = 4 << 10
)

// measureMemoryCopy times what writing into memory would cost if nothing else did: copying pieces of 4 KiB from one buffer to
// another, one after the other, by Go's copy, which is memmove(3) with the processor's wide registers or rep movs. With a working
// set inside the last-level cache and one outside of it; each is the median of several rounds over all of it.
func measureMemoryCopy(cacheBytes int64, into map[string]string) error {
	if cacheBytes <= 0 {
		cacheBytes = usualCache
	}
	for _, set := range []struct {
		bytes      int64
		size, rate string
	}{
		{cacheBytes / cachedShare, results.SettingCopyCachedBytes, results.SettingCopyCached},
		{min(cacheBytes*uncachedTimes, mostUncachedSize), results.SettingCopyUncachedBytes, results.SettingCopyUncached},
	} {
		half := int(set.bytes / 2 / piece * piece)
		rate, err := copyRate(max(half, piece))
		if err != nil {
			return fmt.Errorf("measure copying in memory: %w", err)
		}
		into[set.size] = strconv.Itoa(2 * max(half, piece))
		into[set.rate] = strconv.FormatFloat(rate, 'f', 0, 64)
	}
	return nil
}

// copyRate is in bytes per second, each byte counted once.
func copyRate(bytes int) (_ float64, err error) {
	const rounds, least = 7, 20 * time.Millisecond
	memory, err := kernel.Buffer(2 * bytes)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, kernel.Free(memory)) }()
	from, to := memory[:bytes], memory[bytes:]
	rates := make([]float64, rounds)
	for round := range rates {
		copied, epoch := 0, time.Now()
		for time.Since(epoch) < least || copied == 0 {
			for off := 0; off < bytes; off += piece {
				copied += copy(to[off:off+piece], from[off:off+piece])
			}
		}
		rates[round] = float64(copied) / time.Since(epoch).Seconds()
	}
	return stats.Median(rates), nil
}
