package results

import (
	"encoding/json"
	"strconv"

	"copylab/results/measured"
)

// MemoryTraffic is what a machine's memory controllers moved in a timed span, whoever for (internal/kernel.MemoryTraffic).
type MemoryTraffic struct {
	ReadBytes  measured.Int `json:"read_bytes"`
	WriteBytes measured.Int `json:"write_bytes"`
}

// NoMemoryTraffic stands where memory traffic could not be counted, with the reason in the manner of fmt.Sprintf.
func NoMemoryTraffic(format string, args ...any) *MemoryTraffic {
	why := measured.Unavailable[int64](format, args...)
	return &MemoryTraffic{ReadBytes: why, WriteBytes: why}
}

// memoryTraffic is the traffic of memory over the payload: medians over the passes that nobody sampled, or where there are none, over
// those that were.
func (d *caseData) memoryTraffic() (read, write measured.Float) {
	over := func(instrument Instrument, of func(*MemoryTraffic) measured.Int) (values []float64, why string) {
		why = NoPassMade
		for _, t := range d.passes {
			if t.Memory == nil || t.Instrument != instrument {
				continue
			}
			v := perByte(of(t.Memory), t.Bytes)
			if n, ok := v.Get(); ok {
				values = append(values, n)
			} else {
				why = v.Why()
			}
		}
		return values, why
	}
	median := func(of func(*MemoryTraffic) measured.Int) measured.Float {
		values, _ := over(InstrumentNone, of)
		if len(values) > 0 {
			return medianOr(values, "")
		}
		return medianOr(over(InstrumentProfile, of))
	}
	return median(func(m *MemoryTraffic) measured.Int { return m.ReadBytes }), median(func(m *MemoryTraffic) measured.Int { return m.WriteBytes })
}

// linkBytesPerByte is what the sender's network interface sent over the payload.
func linkBytesPerByte(t Trial) measured.Float {
	if t.Interface == nil {
		if _, ok := t.Sides[writer]; ok {
			return measured.Unavailable[float64]("a write goes over no link")
		}
		return measured.Unavailable[float64]("the trial recorded no interface")
	}
	return perByte(t.Interface.SentBytes, t.Bytes)
}

// The settings in which a sender says what the kernel reported of its zero-copy sends.
const (
	SettingZeroCopied = "completions_zero_copy"
	SettingCopied     = "completions_copied"
)

// completionsOf are a trial's; nil for a path that asks for none.
func completionsOf(t Trial) map[string]measured.Int {
	var found map[string]measured.Int
	for _, name := range []string{SettingZeroCopied, SettingCopied} {
		text, ok := t.Settings[name]
		if !ok {
			continue
		}
		if found == nil {
			found = map[string]measured.Int{}
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			found[name] = measured.Unavailable[int64]("the record has %q, not a number", text)
			continue
		}
		found[name] = measured.Known(n)
	}
	return found
}

// completions is the median of one of the settings.
func (d *caseData) completions(name string) measured.Int {
	values, why := collect(d.points, func(p point) measured.Int {
		if v, ok := p.completions[name]; ok {
			return v
		}
		return measured.Unavailable[int64]("the kernel reports none of this case: no send asks for zero copy")
	})
	if why != "" {
		return measured.Unavailable[int64]("%s", why)
	}
	return measured.Known(medianOfInts(values))
}

// evidenceFields are the fields of Evidence without its methods.
type evidenceFields Evidence

// evidenceJSON is Evidence as files have it.
type evidenceJSON struct {
	Sender   *SideEvidence `json:"sender,omitempty"`
	Receiver *SideEvidence `json:"receiver,omitempty"`
	Writer   *SideEvidence `json:"writer,omitempty"`
	evidenceFields
}

// MarshalJSON writes the sides under their own names: "sender" and "receiver", or "writer".
func (e Evidence) MarshalJSON() ([]byte, error) {
	out := evidenceJSON{evidenceFields: evidenceFields(e)}
	for name, into := range out.sides() {
		if side, ok := e.Sides[name]; ok {
			*into = &side
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (e *Evidence) UnmarshalJSON(b []byte) error {
	var in evidenceJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*e = Evidence(in.evidenceFields)
	e.Sides = map[string]SideEvidence{}
	for name, from := range in.sides() {
		if *from != nil {
			e.Sides[name] = **from
		}
	}
	return nil
}

func (e *evidenceJSON) sides() map[string]**SideEvidence {
	return map[string]**SideEvidence{sender: &e.Sender, receiver: &e.Receiver, writer: &e.Writer}
}
