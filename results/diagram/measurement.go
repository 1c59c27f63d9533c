package diagram

import (
	"fmt"
	"math"
	"slices"

	"copylab/results/measured"
	"copylab/results/stages"
)

// Cost is CPU time for one KiB of payload: the median over repeated passes with its interval, and its share of the side's CPU time.
type Cost struct {
	NSPerKiB measured.Float
	Low      measured.Float
	High     measured.Float
	Share    measured.Float // 0 to 1
}

// StageCost is the cost of one stage of one side.
type StageCost struct {
	Stage stages.Stage
	Cost
}

// Side is what was measured of one process.
type Side struct {
	Stages []StageCost // none: StagesWhy
	// StagesWhy is why there are no stages.
	StagesWhy         string
	CrossingsPerChunk measured.Float // two a system call
}

// Measurement is what a run says of one case.
type Measurement struct {
	ChunkBytes int64
	Sender     Side
	Receiver   Side
}

// crossingsApart is how far measured crossings may be from theory before a remark says so, and shareShown the least share of a stage
// that theory does not expect to be worth one.
const (
	crossingsApart = 0.1
	shareShown     = 0.01
)

// With puts a measurement beside theory: the cost of each arrow, and a remark on everything in which the two differ.
func (d Diagram) With(m Measurement) Diagram {
	d.Measured = &m
	d = d.WithChunk(m.ChunkBytes)
	d.Arrows = slices.Clone(d.Arrows)
	d.Remarks = slices.Clone(d.Remarks)
	seen := map[string]int{}
	for i := range d.Arrows {
		a := &d.Arrows[i]
		name, side := d.sideOf(*a)
		switch first := seen[name+string(a.Stage)]; {
		case a.Stage == "":
			a.Cost.NSPerKiB = measured.Unavailable[float64]("no stage of the evidence is this arrow's")
		case first > 0:
			a.Cost.NSPerKiB = measured.Unavailable[float64]("counted with arrow %d", first)
		case len(side.Stages) == 0:
			a.Cost.NSPerKiB = measured.Unavailable[float64]("%s", side.StagesWhy)
		default:
			seen[name+string(a.Stage)] = a.Number
			a.Cost = side.cost(a.Stage)
			if !notable(a.Cost) && isWork(a.Kind) {
				d.Remarks = append(d.Remarks, fmt.Sprintf("Theory expects arrow %d, a %s; the %s's CPU profile does not show it (%s).", a.Number, a.Kind, name, why(a.Cost)))
			}
		}
	}
	d.Remarks = append(d.Remarks, d.unexpected("sender", m.Sender)...)
	d.Remarks = append(d.Remarks, d.unexpected("receiver", m.Receiver)...)
	if got, ok := m.Sender.CrossingsPerChunk.Get(); ok {
		least, most := d.Path.Crossings(d.ChunkBytes)
		switch {
		case got > most*(1+crossingsApart):
			text := fmt.Sprintf("%.2f crossings per chunk were measured, where theory expects %s", got, rangeText(least, most))
			if d.Path.MoreNow != "" {
				text += ". Not in theory's number: " + d.Path.MoreNow
			} else {
				text += ": calls that are cut short, as by a full socket buffer, are made again"
			}
			d.Remarks = append(d.Remarks, text+".")
		case got < least*(1-crossingsApart):
			d.Remarks = append(d.Remarks, fmt.Sprintf("%.2f crossings per chunk were measured, fewer than the %s of theory.", got, rangeText(least, most)))
		}
	}
	return d
}

// Elsewhere are the measured stages that no arrow has, with their side: what it takes beside moving bytes.
func (d Diagram) Elsewhere() (sender, receiver []StageCost) {
	if d.Measured == nil {
		return nil, nil
	}
	rest := func(name string, side Side) []StageCost {
		return slices.DeleteFunc(slices.Clone(side.Stages), func(s StageCost) bool { return d.has(name, s.Stage) })
	}
	return rest("sender", d.Measured.Sender), rest("receiver", d.Measured.Receiver)
}

// sideOf is on whose account an arrow is. What the kernel does later it does mostly on the back of the sender; where only the receiver's
// profile has it, it is the receiver's.
func (d Diagram) sideOf(a Arrow) (string, Side) {
	switch {
	case a.By == ByReceiver,
		a.By == ByKernelLater && !notable(d.Measured.Sender.cost(a.Stage)) && notable(d.Measured.Receiver.cost(a.Stage)):
		return "receiver", d.Measured.Receiver
	}
	return "sender", d.Measured.Sender
}

// has tells whether an arrow is drawn for a stage of a side.
func (d Diagram) has(name string, s stages.Stage) bool {
	return slices.ContainsFunc(d.Arrows, func(a Arrow) bool {
		of, _ := d.sideOf(a)
		return a.Stage == s && of == name
	})
}

// later is on whose account a copy is drawn that the kernel makes later, if it is drawn.
func (d Diagram) later(s stages.Stage) (name string, drawn bool) {
	for _, a := range d.Arrows {
		if a.Stage == s && a.By == ByKernelLater {
			name, _ := d.sideOf(a)
			return name, true
		}
	}
	return "", false
}

func laterText(s stages.Stage) string {
	if s == stages.CopyDeferred {
		return string(DeferredCopy)
	}
	return string(s)
}

// unexpected are remarks on work on bytes that was measured and that theory does not have.
func (d Diagram) unexpected(name string, side Side) []string {
	var out []string
	for _, s := range side.Stages {
		share, _ := s.Share.Get()
		if !s.Stage.Copies() && s.Stage != stages.Encryption || d.has(name, s.Stage) || !notable(s.Cost) || share < shareShown {
			continue
		}
		ns, _ := s.NSPerKiB.Get()
		if other, drawn := d.later(s.Stage); drawn && other != name { // not at all unexpected: in whose time it is made is chance
			out = append(out, fmt.Sprintf("Of the %s, the %s's CPU profile shows %.3g ns/KiB: it was made in its time. They are not at the arrow.", laterText(s.Stage), name, ns))
			continue
		}
		out = append(out, fmt.Sprintf("Theory has no %q here; the %s's CPU profile shows %.3g ns/KiB of it.", s.Stage, name, ns))
	}
	return out
}

func (s Side) cost(stage stages.Stage) Cost {
	for _, c := range s.Stages {
		if c.Stage == stage {
			return c.Cost
		}
	}
	return Cost{NSPerKiB: measured.Unavailable[float64]("no sample was in it")}
}

// notable tells whether a cost is shown to be more than nothing.
func notable(c Cost) bool {
	if low, ok := c.Low.Get(); ok {
		return low > 0
	}
	ns, ok := c.NSPerKiB.Get()
	return ok && ns > 0
}

// isWork tells whether an arrow costs CPU time for each byte.
func isWork(k Kind) bool {
	switch k {
	case CPUCopy, DeferredCopy, CipherPass, ReadPass:
		return true
	}
	return false
}

func why(c Cost) string {
	if ns, ok := c.NSPerKiB.Get(); ok {
		return fmt.Sprintf("%.3g ns/KiB, and its interval includes 0", ns)
	}
	return c.NSPerKiB.Why()
}

// rangeText writes a number, or two that differ: "4", "0.25 to 2".
func rangeText(least, most float64) string {
	if math.Abs(least-most) < 1e-9 {
		return fmt.Sprintf("%.4g", most)
	}
	return fmt.Sprintf("%.4g to %.4g", least, most)
}

// CrossingsText is how many crossings a chunk takes in theory: "4", or "0.25 to 2" where one call may do for several chunks.
func (d Diagram) CrossingsText() string { return rangeText(d.Path.Crossings(d.ChunkBytes)) }
