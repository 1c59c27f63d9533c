//go:build unix

package worker

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAThousandStreams moves bytes over 1,000 connections at once, and checks each.
func TestAThousandStreams(t *testing.T) {
	const streams, size, chunk = 1000, 4 << 20, 4 << 10
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max < 2*streams+100 {
		t.Skipf("this user may open %d files; a worker with %d streams takes two each", limit.Max, streams)
	}
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	file, content := payload(t, size)
	for _, path := range []string{"read-write", "sendfile"} {
		t.Run(path, func(t *testing.T) {
			const bytes = streams * 3 * chunk
			send, receive := sides(path, file, size, chunk, streams, bytes)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // should they wait for each other
			defer cancel()
			pair, err := launcherForTest().Transfer(ctx, send, receive, Placement{})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := pair.Receiver.Sums, sums(content, Shares(bytes, streams, size, chunk)); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Error("a stream brought other bytes than it should")
			}
		})
	}
}

// TestTooManyOpenFiles lets either side run out of descriptors. It must say so, and what to do.
func TestTooManyOpenFiles(t *testing.T) {
	const size = 1 << 20
	file, _ := payload(t, size)
	few := launcherForTest()
	few.Command = append([]string{"sh", "-c", `ulimit -n 60 && exec "$@"`, "sh"}, few.Command...)
	for _, path := range []string{"sendfile", "go-io-copy"} {
		send, receive := sides(path, file, size, 4<<10, 100, size)
		_, err := few.Transfer(t.Context(), send, receive, Placement{})
		if err == nil || !strings.Contains(err.Error(), "too many open files") || !strings.Contains(err.Error(), "ulimit -n") || !strings.Contains(err.Error(), "of 100") {
			t.Errorf("%s: error %v; want one that says what there is too few of, and how to get more", path, err)
		}
	}
}
