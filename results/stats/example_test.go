package stats_test

import (
	"fmt"
	"log"

	"copylab/results/stats"
)

// Two ways of doing the same, measured in pairs on a machine that slows down: the ratios don't mind. Made-up numbers.
func ExampleRatio() {
	cases := []float64{200, 190, 171, 160, 150, 142}
	baselines := []float64{100, 95, 90, 80, 75, 71}
	iv, err := stats.Ratio(cases, baselines)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v times the baseline (%v to %v), %s\n", iv.Median, iv.Low, iv.High, stats.Judge(iv, 0.03))
	// Output: 2 times the baseline (1.9 to 2), higher
}
