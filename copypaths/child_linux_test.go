package copypaths

import (
	"encoding/json"
	"fmt"
	"os"
)

// childEnv makes this test binary behave as a child of a test: its value is a childTask in JSON.
const childEnv = "COPYLAB_COPYPATHS_CHILD"

// childTask is what a child is to do.
type childTask struct {
	Do        string // "trace path", "trace receiver", "race", "probe uring" (Bytes is the errno, File what is to stand in for kernel.io_uring_disabled)
	Source    Source
	ID        string // of the path or the receiver
	File      string
	FileSize  int64
	Start     int64
	Bytes     int64
	Chunk     int
	Dedicated bool
	NoLatency bool
	CPU       int // "race" only: where to run, and to which port to send
	Port      int
}

func (c childTask) env() []string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // a struct of strings and numbers
	}
	return append(os.Environ(), childEnv+"="+string(text))
}

// runChild does what a parent asks for, prints the answer as JSON, and returns true; or it returns false at once.
func runChild() bool {
	text := os.Getenv(childEnv)
	if text == "" {
		return false
	}
	var task childTask
	err := json.Unmarshal([]byte(text), &task)
	var answer any
	if err == nil {
		switch task.Do {
		case "trace path":
			answer, err = tracePath(task)
		case "trace tls":
			answer, err = traceTLS(task)
		case "trace receiver":
			answer, err = traceReceiver(task)
		case "probe uring":
			answer, err = probeUnderFilter(uint32(task.Bytes), task.File)
		case "race":
			answer, err = race(task)
		default:
			err = fmt.Errorf("do %q: there is no such task", task.Do)
		}
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(answer)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}
