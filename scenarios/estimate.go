package scenarios

import (
	"slices"

	"copylab/results"
)

// Writes tells whether the scenario writes to a disk: whether it has a write part with more than the null writer.
func (s *Scenario) Writes() bool {
	return slices.ContainsFunc(s.Cases(), func(c results.Case) bool { return c.Kind == results.Write && !isNull(c) })
}

// WriteEstimate is about how many bytes a run of the scenario writes, as far as that is known before it begins: the test files, and the trials
// that write a whole file or keep to a rate, in the fewest blocks that the scenario allows. Cases that turn out to be unavailable write less, and
// more blocks write more. Trials that last for a time write as much as the disk takes, and are not in it.
func (s *Scenario) WriteEstimate() int64 {
	var sum int64
	fixed, _ := files(s.Cases())
	for _, bytes := range fixed {
		sum += bytes
	}
	for _, c := range s.Cases() {
		p := c.Params
		if c.Kind != results.Write || isNull(c) {
			continue
		}
		sum += verifyAmount(c) * p.BlockBytes
		if p.Amount != AmountFile && p.RatePerSecond == 0 {
			continue
		}
		trial := amount(c, 0, s.Measure.Time)
		trials := int64(s.Measure.MinBlocks + evidencePasses(c, s.Measure)*len(sampledPass(c)))
		if len(s.Modelled) > 0 {
			trials++ // for the block trace, as long as a counted one
		}
		if p.Amount != AmountFile && s.Measure.Evidence > 0 {
			trials++ // in which the kernel counts system calls, where that is allowed
		}
		sum += (trials*trial + warmUpAmount(c, trial)) * p.BlockBytes
	}
	return sum
}

// roomNeeded is how many bytes of disk the cases take at once: every test file, and the largest that lives for one trial.
func roomNeeded(cases []results.Case) int64 {
	fixed, need := files(cases)
	for _, size := range fixed {
		need += size
	}
	return need
}
