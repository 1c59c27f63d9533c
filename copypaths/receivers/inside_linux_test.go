package receivers

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"copylab/copypaths"
	"copylab/internal/kernel"
)

// The tests here look into receivers, at what became of the bytes.

// sendAll sends from a goroutine and closes the sender's end.
func sendAll(sender net.Conn, b []byte) <-chan error {
	wrote := make(chan error, 1)
	go func() {
		_, err := sender.Write(b)
		wrote <- errors.Join(err, sender.Close())
	}()
	return wrote
}

// TestFilesHoldWhatWasTaken: byte for byte, written over from the beginning once the file is full, and without a name.
func TestFilesHoldWhatWasTaken(t *testing.T) {
	const fileBytes, size = 300_001, 1_000_000
	sent := content(size)
	for _, id := range []string{"file", "file-splice"} {
		t.Run(id, func(t *testing.T) {
			sender, socket, err := loopback()
			if err != nil {
				t.Fatal(err)
			}
			defer sender.Close()
			defer socket.Close()
			r, _ := Find(id)
			dir := t.TempDir()
			taker, err := r.Open(End{Socket: int(socket.Fd()), Buffer: make([]byte, 64<<10), Dir: dir, FileBytes: fileBytes})
			if err != nil {
				t.Fatal(err)
			}
			defer taker.Close()
			var out *os.File
			switch taker := taker.(type) {
			case *fileTaker:
				out = taker.out
			case *splicer:
				out = taker.out
			}
			wrote := sendAll(sender, sent)
			var taken int64
			for {
				n, err := taker.Take(size)
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				taken += n
			}
			if err := <-wrote; err != nil || taken != size {
				t.Errorf("took %d bytes of %d, error of the sender %v", taken, size, err)
			}
			// Round and round: what came last is on top.
			want := make([]byte, fileBytes)
			for off := 0; off < size; off += fileBytes {
				copy(want, sent[off:min(off+fileBytes, size)])
			}
			got, err := io.ReadAll(io.NewSectionReader(out, 0, 2*fileBytes))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("the file holds %d bytes, error %v; want the %d that came last at each offset", len(got), err, fileBytes)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
				t.Errorf("the folder holds %v, error %v; want a file without a name", entries, err)
			}
			if err := taker.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFilesNeedAFolderAndASize(t *testing.T) {
	sender, socket, err := loopback()
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	defer socket.Close()
	good := End{Socket: int(socket.Fd()), Buffer: make([]byte, 10), Dir: t.TempDir(), FileBytes: 100}
	for _, id := range []string{"file", "file-splice"} {
		r, _ := Find(id)
		for words, bad := range map[string]func(*End){
			"there is no folder": func(e *End) { e.Dir = "" },
			"file of 0 bytes":    func(e *End) { e.FileBytes = 0 },
			"no such file":       func(e *End) { e.Dir += "/no-such-folder" },
			"there is no buffer": func(e *End) { e.Buffer = nil },
		} {
			e := good
			bad(&e)
			if _, err := r.Open(e); err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("open %s: %v, want an error that says %q", id, err, words)
			}
		}
	}
	// A filesystem without O_TMPFILE gets a file whose name is removed at once.
	f, err := createAndRemove(good.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(good.Dir); err != nil || len(entries) != 0 {
		t.Errorf("the folder holds %v, error %v", entries, err)
	}
	if _, err := f.Write([]byte("written")); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// TestMappedBytesAreTheRightOnes has a sender without copies, whose pages can be mapped, and one whose pages can't.
func TestMappedBytesAreTheRightOnes(t *testing.T) {
	const size, chunk = 8 << 20, 64 << 10
	sent := content(size)
	for _, id := range []string{"read-zerocopy", "read-write", "sendfile"} {
		t.Run(id, func(t *testing.T) {
			path, _ := copypaths.Find(copypaths.FromFile, id)
			if s := path.Probe(); s.State != kernel.StateAvailable {
				t.Skip(s.Reason)
			}
			file, err := os.CreateTemp(t.TempDir(), "")
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if _, err := file.WriteAt(sent, 0); err != nil {
				t.Fatal(err)
			}
			conn, socket, err := loopback()
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			defer socket.Close()
			out, err := conn.(*net.TCPConn).File()
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.Close(); err != nil { // out is what is left of it
				t.Error(err)
			}
			wrote := make(chan error, 1)
			go func() {
				m, err := path.Open(copypaths.Ends{File: file, FileSize: size, Socket: int(out.Fd()), Chunk: chunk, Buffer: make([]byte, chunk)})
				if err == nil {
					_, err = copypaths.Stream(m, 0, size, size, chunk, hdrhistogram.New(1, 3_600_000_000_000, 3))
					err = errors.Join(err, m.Close())
				}
				wrote <- errors.Join(err, out.Close())
			}()
			r, _ := Find("zerocopy-receive")
			taker, err := r.Open(End{Socket: int(socket.Fd()), Buffer: make([]byte, 256<<10)})
			if err != nil {
				t.Fatal(err)
			}
			defer taker.Close()
			z := taker.(*zerocopyTaker)
			at := 0
			for {
				mapped, copied := z.Mapped()
				n, err := taker.Take(size)
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				nowMapped, nowCopied := z.Mapped()
				m, c := int(nowMapped-mapped), int(nowCopied-copied)
				if m+c != int(n) || !bytes.Equal(z.region[:m], sent[at:at+m]) || !bytes.Equal(z.buffer[:c], sent[at+m:at+m+c]) {
					t.Fatalf("at %d: %d bytes, of which %d mapped and %d copied, are not those that were sent", at, n, m, c)
				}
				at += int(n)
			}
			if err := <-wrote; err != nil || at != size {
				t.Errorf("took %d bytes of %d, error of the sender %v", at, size, err)
			}
			mapped, copied := z.Mapped()
			t.Logf("%d bytes mapped, %d copied, %v", mapped, copied, z.Syscalls())
			if (id == "read-zerocopy") != (mapped > 0) {
				t.Errorf("%d bytes were mapped, %d copied", mapped, copied)
			}
		})
	}
}

// TestNothingFollowsAFailedTake: what a failure left in the pipe must not be taken for what the socket brought.
func TestNothingFollowsAFailedTake(t *testing.T) {
	sender, socket, err := loopback()
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	defer socket.Close()
	r, _ := Find("splice-null")
	taker, err := r.Open(End{Socket: int(socket.Fd()), Buffer: make([]byte, 4096)})
	if err != nil {
		t.Fatal(err)
	}
	defer taker.Close()
	s := taker.(*splicer)
	readOnly, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	good := s.to
	s.to = int(readOnly.Fd())
	if _, err := sender.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if _, err := taker.Take(100); !errors.Is(err, unix.EBADF) || !strings.Contains(err.Error(), "splice to /dev/null") {
		t.Errorf("a take whose second half fails: %v", err)
	}
	s.to = good
	if n, err := taker.Take(100); err == nil || n != 0 {
		t.Errorf("took %d bytes after that, error %v", n, err)
	}
}
