package hdd

import "testing"

// How fast the model is, in modelled writes per second of ours. It is to stay above 100,000, so that a long trial is modelled in seconds.
func BenchmarkWrite(b *testing.B) {
	for _, tt := range []struct {
		name   string
		cache  Cache
		random bool
		flush  bool
	}{
		{"sequential, cache off", WriteCacheOff, false, false},
		{"sequential, cache on", WriteCacheOn, false, false},
		{"sequential, cache on, flush each", WriteCacheOn, false, true},
		{"random, cache off", WriteCacheOff, true, false},
		{"random, cache on", WriteCacheOn, true, false},
	} {
		b.Run(tt.name, func(b *testing.B) {
			d := newDisk(b, Drive7200(), Options{Cache: tt.cache, Depth: 32})
			random, blocks := source(1), d.file/4096
			at := int64(0)
			next := func() {
				if at++; at == blocks {
					at = 0
				}
				if tt.random {
					at = random.Int64N(blocks)
				}
				if _, err := d.Write(at*4096, 4096); err != nil {
					b.Fatal(err)
				}
				if tt.flush {
					d.Flush()
				}
			}
			for range 20_000 { // until the buffer is full
				next()
			}
			b.ReportAllocs()
			for b.Loop() {
				next()
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}
