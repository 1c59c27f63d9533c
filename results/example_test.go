package results_test

import (
	"bytes"
	"fmt"
	"log"

	"copylab/results"
	"copylab/results/measured"
)

// A record is written trial by trial, and read and summarised later, perhaps elsewhere. The numbers are made up.
func Example() {
	run := results.Run{
		ID: "example", Scenario: results.Scenario{ID: "example", Precision: 0.03},
		Cases: []results.Case{
			{ID: "a", Kind: results.Transfer, Params: results.Params{Path: "read-write"}},
			{ID: "b", Kind: results.Transfer, Params: results.Params{Path: "sendfile"}, Baseline: "a"},
		},
	}
	var file bytes.Buffer // an *os.File, so that a kill leaves all lines but the last
	w := results.NewWriter(&file)
	if err := w.WriteRun(run); err != nil {
		log.Fatal(err)
	}
	for block := 1; block <= 6; block++ {
		for id, ns := range map[string]int64{"a": 2_000_000, "b": 1_000_000} {
			err := w.WriteTrial(results.Trial{
				Case: id, Phase: results.PhaseCounted, Block: block,
				Bytes: 1 << 20, Operations: 16, ElapsedNS: measured.Known(ns),
			})
			if err != nil {
				log.Fatal(err)
			}
		}
	}

	s, err := results.Read(&file)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range s.Comparisons {
		fmt.Printf("%s: %v times the baseline's, %s\n", c.Metric, c.Ratio, c.Verdict)
	}
	fmt.Println(s.Run.Stopped)
	// Output:
	// throughput_bytes_per_second: 2 times the baseline's, higher
	// cut off
}
