package copypaths

import (
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// BenchmarkNullPath is the cost of the tool itself for each operation: one clock read and one histogram record.
func BenchmarkNullPath(b *testing.B) {
	p, _ := Find(FromFile, "null")
	m, err := p.Open(Ends{})
	if err != nil {
		b.Fatal(err)
	}
	latency := hdrhistogram.New(1, 3_600_000_000_000, 3)
	const chunk, fileSize = 64 << 10, 256 << 20
	b.ReportAllocs()
	b.ResetTimer()
	if _, err := Stream(m, 0, int64(b.N)*chunk, fileSize, chunk, latency); err != nil {
		b.Fatal(err)
	}
}
