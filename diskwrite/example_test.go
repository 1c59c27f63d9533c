package diskwrite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"copylab/diskwrite"
)

// How long do 64 random writes of 4 KiB take, made durable eight at a time?
func Example() {
	dir, err := os.MkdirTemp("", "diskwrite-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			log.Print(err)
		}
	}()
	method, ok := diskwrite.FindMethod("buffered")
	if !ok {
		log.Fatal("no such method")
	}
	payload, err := diskwrite.NewPayload(1, 256<<10)
	if err != nil {
		log.Fatal(err)
	}
	job := diskwrite.Job{
		Pattern:    diskwrite.Random,
		Draw:       diskwrite.Permutation,
		Policy:     diskwrite.Policy{ID: diskwrite.SyncEvery, Every: 8},
		SyncCall:   diskwrite.Fsync,
		BlockBytes: 4096,
		FileBytes:  1 << 20,
		Operations: 64,
		Seed:       1,
		Payload:    payload,
	}
	name := filepath.Join(dir, "file")
	ctx := context.Background()
	if err := diskwrite.Prepare(ctx, name, job.Pattern, job.FileBytes, payload); err != nil {
		log.Fatal(err)
	}
	file, err := method.Open(name)
	if err != nil {
		log.Fatal(err)
	}
	writes, syncs := hdrhistogram.New(1, int64(time.Hour), 3), hdrhistogram.New(1, int64(time.Hour), 3)
	result, err := diskwrite.Run(file, job, writes, syncs)
	if err != nil {
		log.Fatal(err)
	}
	if err := file.Close(); err != nil {
		log.Fatal(err)
	}
	if _, err := diskwrite.VerifyBack(ctx, name, job); err != nil {
		log.Fatal(err)
	}
	if err := diskwrite.FreePayload(payload); err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Operations, "writes,", result.Syncs, "syncs,", result.Bytes>>10, "KiB")
	fmt.Println("as many times recorded:", writes.TotalCount() == 64 && syncs.TotalCount() == 8)
	fmt.Println("some of the time went into syncs:", result.AcceptedNS > int64(64*writes.Min()))
	// Output:
	// 64 writes, 8 syncs, 256 KiB
	// as many times recorded: true
	// some of the time went into syncs: true
}

// What can this machine do in this folder? On a filesystem in memory, for example, there is nothing to measure.
func ExampleMethod_Probe() {
	for _, m := range diskwrite.Methods() {
		if status := m.Probe("."); status.Reason != "" {
			log.Printf("%s: %s: %s", m.ID, status.State, status.Reason)
		}
	}
}

func ExampleParsePolicy() {
	policy, err := diskwrite.ParsePolicy("every=32")
	fmt.Println(policy, err)
	_, err = diskwrite.ParsePolicy("every=0")
	fmt.Println(err)
	// Output:
	// every=32 <nil>
	// parse sync policy "every=0": every 0 writes is impossible: N must be at least 1; every=1 syncs after each write
}

// The blocks in the order in which a job writes them: every one once.
func ExampleJob_Offsets() {
	job := diskwrite.Job{Pattern: diskwrite.Overwrite, BlockBytes: 4096, FileBytes: 3 * 4096}
	offsets := job.Offsets()
	for range 4 {
		fmt.Print(offsets.Next(), " ")
	}
	// Output: 0 4096 8192 0
}

// Four threads append to one log, and none goes on before its block is durable: how many syncs do 64 blocks take?
func ExampleSet_Run() {
	dir, err := os.MkdirTemp("", "diskwrite-")
	if err != nil {
		log.Fatal(err)
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			log.Print(err)
		}
	}()
	method, _ := diskwrite.FindMethod("buffered")
	payload, err := diskwrite.NewPayload(1, 256<<10)
	if err != nil {
		log.Fatal(err)
	}
	job := diskwrite.Job{
		Pattern:    diskwrite.Append,
		Policy:     diskwrite.Policy{ID: diskwrite.SyncGroup},
		SyncCall:   diskwrite.Fsync,
		BlockBytes: 4096,
		FileBytes:  1 << 20,
		Operations: 64,
		Writers:    4,
		Payload:    payload,
	}
	name := filepath.Join(dir, "log")
	if err := job.Prepare(context.Background(), name); err != nil {
		log.Fatal(err)
	}
	set, err := job.Open(method, name)
	if err != nil {
		log.Fatal(err)
	}
	histograms := diskwrite.Histograms{
		Op:     hdrhistogram.New(1, int64(time.Hour), 3),
		Sync:   hdrhistogram.New(1, int64(time.Hour), 3),
		Commit: hdrhistogram.New(1, int64(time.Hour), 3),
	}
	result, err := set.Run(job, histograms)
	if err != nil {
		log.Fatal(err)
	}
	if err := set.Close(); err != nil {
		log.Fatal(err)
	}
	if err := diskwrite.FreePayload(payload); err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Operations, "writes, as many commits:", histograms.Commit.TotalCount() == 64)
	fmt.Println("no more syncs than writes:", result.Syncs <= 64)
	// Output:
	// 64 writes, as many commits: true
	// no more syncs than writes: true
}
