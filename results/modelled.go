package results

import (
	"fmt"

	"copylab/results/measured"
)

// Modelled is what a mechanical disk would have taken for a trial's writes, by the model in diskwrite/hdd. No disk was touched: every output says
// "modelled" beside it.
type Modelled struct {
	Drive      string `json:"drive"`       // an ID of hdd.Drives: 7200rpm, hp97560
	WriteCache string `json:"write_cache"` // of the drive: off, on
	// Source says which writes were fed to the model: SourceBlockTrace or SourceAsIssued; Why says why it is not the former.
	Source string `json:"source"`
	Why    string `json:"why,omitempty"`

	Writes  measured.Int `json:"writes"`  // that the model served
	Bytes   measured.Int `json:"bytes"`   // of these
	Flushes measured.Int `json:"flushes"` // that reached it: none where its write cache is off
	// OutsideBytes is how many of Bytes lie outside the files that the trial wrote: the filesystem's journal and metadata, and what others wrote to
	// the same disk meanwhile. Of a block trace only.
	OutsideBytes measured.Int `json:"outside_bytes"`
	// PayloadBytes is what the program wrote meanwhile, which is what the rate counts.
	PayloadBytes measured.Int `json:"payload_bytes"`
	// TotalNS is until everything was on the medium. What arm and platters did in it:
	TotalNS    measured.Int `json:"total_ns"`
	SeekNS     measured.Int `json:"seek_ns"`
	RotationNS measured.Int `json:"rotation_ns"`
	TransferNS measured.Int `json:"transfer_ns"`
	OtherNS    measured.Int `json:"other_ns"` // the rest: head switches, overhead, and waiting for the host
	// BytesPerSecond is payload over TotalNS: the durable rate that such a disk would reach.
	BytesPerSecond measured.Float `json:"bytes_per_second"`
}

// Where the writes came from that a modelled disk was fed with.
const (
	SourceBlockTrace = "block tracepoints" // what the device was given, after the page cache's sorting and merging
	SourceAsIssued   = "as issued"         // what the program wrote, in its order
)

// ModelledComparison sets the modelled rates of a case and its baseline on the same drive against each other.
type ModelledComparison struct {
	Drive      string  `json:"drive"`
	WriteCache string  `json:"write_cache"`
	Source     string  `json:"source"`
	Baseline   string  `json:"baseline"` // case ID
	Case       string  `json:"case"`     // case ID
	Ratio      float64 `json:"ratio"`    // of bytes per second
}

// addEvidence takes in a trial that was made once more with instruments on. None of its times counts, and where it failed the case keeps
// its numbers.
func (d *caseData) addEvidence(t Trial) {
	if t.Error != "" {
		d.warnings = append(d.warnings, fmt.Sprintf("trial %d, which was to bring evidence after the timed ones, failed: %s", t.Seq, t.Error))
		return
	}
	if t.Modelled != nil {
		d.modelled = t.Modelled
		return
	}
	t.Latency, t.Settings, t.Timeline = nil, nil, nil
	d.passes = append(d.passes, t)
}

const (
	// fedByOthers is the share of what a modelled disk was given from which on it must not lie outside of the test file: the disk's time is no
	// longer that of the case.
	fedByOthers = 0.1
	// A filesystem's journal takes some hundred KiB for whatever was written.
	fewOutsideBytes = 1 << 20
)

// outsideShare is the share of what the modelled disk was given that lies outside of the test file. ok is false where that is not known, or
// little.
func (m Modelled) outsideShare() (share float64, ok bool) {
	bytes, known := m.Bytes.Get()
	outside, seen := m.OutsideBytes.Get()
	if !known || !seen || bytes <= 0 || outside <= fewOutsideBytes {
		return 0, false
	}
	share = float64(outside) / float64(bytes)
	return share, share > fedByOthers
}

// isFedByOthers says that too much of what the disk was given is not the case's. Where a case syncs as it goes, the filesystem's journal is
// written with every sync and is rightly in the modelled time.
func (d *caseData) isFedByOthers(m Modelled) bool {
	_, much := m.outsideShare()
	return much && !d.Params.durableByItself()
}

// modelledWarnings say where the modelled rates are not the case's own.
func (d *caseData) modelledWarnings() []string {
	for _, m := range d.modelled { // all were given the same
		if share, _ := m.outsideShare(); d.isFedByOthers(m) {
			return []string{fmt.Sprintf("%.0f %% of what the modelled disk was fed lies outside of the test file: other programs, or the filesystem's journal; its modelled rate is not compared", share*100)}
		}
	}
	return nil
}

// compareModelled sets the modelled rates of each case against its baseline's on the same drive. They are left out where one of the two
// has none, where the writes were not taken from the same place, or where others' writes were among them: then it is not the cases that differ.
func (b *Builder) compareModelled() (list []ModelledComparison) {
	for _, d := range b.cases {
		base, ok := b.byID[d.Baseline]
		if !ok || d.Baseline == "" {
			continue
		}
		for _, mine := range d.modelled {
			for _, theirs := range base.modelled {
				if mine.Drive != theirs.Drive || mine.WriteCache != theirs.WriteCache || mine.Source != theirs.Source ||
					d.isFedByOthers(mine) || base.isFedByOthers(theirs) {
					continue
				}
				rate, ok := mine.BytesPerSecond.Get()
				than, known := theirs.BytesPerSecond.Get()
				if ok && known && than > 0 {
					list = append(list, ModelledComparison{
						Drive: mine.Drive, WriteCache: mine.WriteCache, Source: mine.Source, Baseline: base.ID, Case: d.ID, Ratio: rate / than,
					})
				}
			}
		}
	}
	return list
}
