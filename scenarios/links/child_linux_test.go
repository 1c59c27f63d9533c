package links

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"copylab/internal/kernel"
)

// childVariable makes the test binary a child of a test.
const childVariable = "COPYLAB_LINKS_TEST_CHILD"

// told is what a child says.
type told struct {
	Error  string // of Open
	Probe  kernel.Status
	Inodes []uint64 // of the link's namespaces, while the child holds it
}

// beChild does what the test asks for and returns the exit code.
func beChild(what string) int {
	switch what {
	case "ordinary user":
		if err := syscall.Setgid(65534); err != nil {
			return 2
		}
		if err := syscall.Setuid(65534); err != nil {
			return 2
		}
	case "no namespaces":
		if err := os.WriteFile("/proc/sys/user/max_net_namespaces", []byte("0"), 0); err != nil {
			return 3
		}
	}
	say := told{Probe: Probe(Veth)}
	l, err := Open(context.Background(), Spec{Kind: Veth, RateBits: gbit})
	if err != nil {
		say.Error = err.Error()
	} else {
		say.Inodes = []uint64{inode(l.SenderNamespace()), inode(l.ReceiverNamespace())}
	}
	text, err := json.Marshal(say)
	if err != nil {
		return 4
	}
	fmt.Println(string(text))
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test is done with it, or kills it
	if l != nil {
		if err := l.Close(); err != nil {
			return 5
		}
	}
	return 0
}

// startChild starts one, and returns what it says. It lives until its stdin is closed.
func startChild(t *testing.T, what string, change func(*exec.Cmd)) (*exec.Cmd, io.Closer, told, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), childVariable+"="+what)
	c.Stderr = os.Stderr
	if change != nil {
		change(c)
	}
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		return nil, nil, told{}, err
	}
	t.Cleanup(func() {
		if c.ProcessState == nil {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		_ = stdin.Close()
		return nil, nil, told{}, errors.Join(err, c.Wait())
	}
	var said told
	if err := json.Unmarshal(line, &said); err != nil {
		t.Fatalf("the child says %q: %v", line, err)
	}
	return c, stdin, said, nil
}

// askChild starts one, and ends it when it has said what it has to say.
func askChild(t *testing.T, what string, change func(*exec.Cmd)) (told, error) {
	t.Helper()
	c, stdin, said, err := startChild(t, what, change)
	if err != nil {
		return told{}, err
	}
	if err := stdin.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("the child: %v", err)
	}
	return said, nil
}
