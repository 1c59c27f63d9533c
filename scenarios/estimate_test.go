package scenarios

import "testing"

func TestWriteEstimate(t *testing.T) {
	const head = "title: T\nquestion: Q?\n"
	for name, tc := range map[string]struct {
		text   string
		want   int64
		writes bool
	}{
		// A file to send, once.
		"transfers": {text: "transfer: {paths: [sendfile, read-write], file: 1GiB}\n", want: gib},
		// Two targets, since direct and buffered writes don't share one, and verifications of 256 blocks.
		"for a time": {text: "write: {patterns: [overwrite], methods: [buffered, direct], block: 4KiB, file: 1GiB}\n", want: 2*gib + 2*mib, writes: true},
		// An append has its file made by the trial. The warm-up is a tenth, and the pass for evidence, of which such cases have one, all of it.
		"whole files": {
			text:   "write: {patterns: [append], block: 1MiB, file: 10GiB, amount: file}\nmeasure: {blocks: 6..9}\n",
			want:   7*10*gib + 1*gib + 8*mib,
			writes: true,
		},
		"whole files of two methods": {
			text:   "write: {patterns: [append], methods: [buffered, direct, null], block: 1MiB, file: 10GiB, amount: file}\nmeasure: {blocks: 5..9}\n",
			want:   2 * (6*10*gib + gib + 8*mib),
			writes: true,
		},
		// 1,000 blocks in each of 5 trials, and in the warm-up; six passes for evidence of two trials each, and one in which the kernel counts system calls.
		"at a rate": {text: "write: {patterns: [append], block: 4KiB, file: 1GiB, rate: 1000/s}\nmeasure: {time: 1s}\n", want: (5+1+2*6+1)*1000*4*kib + mib, writes: true},
		// The block trace is as long as a counted trial.
		"modelled": {
			text:   "write: {patterns: [append], block: 1MiB, file: 10GiB, amount: file}\nmeasure: {blocks: 6..9}\nmodelled: 7200rpm cache=off\n",
			want:   8*10*gib + gib + 8*mib,
			writes: true,
		},
		"nothing": {text: "write: {patterns: [append], methods: [null], block: 4KiB, file: 1GiB}\n"},
	} {
		s, err := Parse("x.yaml", []byte(head+tc.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := s.WriteEstimate(); got != tc.want {
			t.Errorf("%s: %d bytes, want %d (%.4f)", name, got, tc.want, float64(got)/float64(tc.want))
		}
		if s.Writes() != tc.writes {
			t.Errorf("%s: writes: %v", name, s.Writes())
		}
	}
}
