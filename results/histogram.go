package results

import (
	"encoding/json"
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The range and resolution of every latency histogram: 1 ns to 1 h with 3 significant digits.
const (
	HistogramLowestNS  = 1
	HistogramHighestNS = 3_600_000_000_000
	HistogramDigits    = 3
)

// Histogram is a latency distribution in nanoseconds. In JSON it is the base64 text of HdrHistogram's compressed V2
// encoding, which every HdrHistogram library reads. Histograms are merged, never averaged.
type Histogram struct {
	*hdrhistogram.Histogram
}

// NewHistogram makes an empty one of copylab's range and resolution.
func NewHistogram() Histogram {
	return Histogram{hdrhistogram.New(HistogramLowestNS, HistogramHighestNS, HistogramDigits)}
}

// MarshalJSON encodes the histogram; one that was never made is null.
func (h Histogram) MarshalJSON() ([]byte, error) {
	if h.Histogram == nil {
		return []byte("null"), nil
	}
	b, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("encode histogram: %w", err)
	}
	return json.Marshal(string(b))
}

// UnmarshalJSON decodes what MarshalJSON writes.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		h.Histogram = nil
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("decode histogram: %w", err)
	}
	got, err := hdrhistogram.Decode([]byte(s))
	if err != nil {
		return fmt.Errorf("decode histogram: %w", err)
	}
	h.Histogram = got
	return nil
}
