package worker

import (
	"context"
	"fmt"
	"os"
	"time"

	"copylab/results/host"
)

// setCache brings the file's pages into the wanted state and verifies it. It never lets a trial start in another state.
func setCache(ctx context.Context, f *os.File, want Cache) (host.Residency, error) {
	// Dropping is only asked of the kernel, never forced: pages that are just being read or written stay, so try again.
	const tries = 5
	for try := 1; ; try++ {
		switch want {
		case CacheWarm:
			if share, ok := host.Resident(f).Share().Get(); !ok || share < host.WarmShare {
				if err := host.Warm(ctx, f); err != nil {
					return host.Residency{}, fmt.Errorf("make file warm: %w", err)
				}
			}
		case CacheCold:
			if err := host.Drop(ctx, f); err != nil {
				return host.Residency{}, fmt.Errorf("make file cold: %w", err)
			}
		}
		got := host.Resident(f)
		if want == CacheAsIs {
			return got, nil
		}
		share, ok := got.Share().Get()
		if !ok {
			return got, fmt.Errorf("verify that %s is %s in the page cache: %s", f.Name(), want, got.Share())
		}
		if (want == CacheWarm && share >= host.WarmShare) || (want == CacheCold && share <= host.ColdShare) {
			return got, nil
		}
		if try == tries {
			return got, fmt.Errorf("make %s %s: after %d tries %.4f of its pages are in the page cache: give it more memory, or --dir on a filesystem that obeys posix_fadvise", f.Name(), want, tries, share)
		}
		select {
		case <-ctx.Done():
			return got, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
