// Package scenarios holds the questions that copylab asks of a machine: what to compare, and how to measure it.
//
// A scenario is a YAML file, read strictly: an unknown key, a wrong unit or an impossible combination is an error that
// names the place and what to write instead. Its lists multiply into cases. docs/scenarios.md describes the format.
package scenarios

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"copylab/copypaths"
	"copylab/copypaths/receivers"
	"copylab/diskwrite"
	"copylab/results"
	"copylab/scenarios/library"
	"copylab/scenarios/links"
)

// Scenario is a question with all that is needed to measure an answer. Parse and Load make one; its exported fields are
// for reading. Set and SetEffort change it as a whole.
type Scenario struct {
	ID       string // the library's word for it, or the file's name without its folder and extension
	Title    string
	Question string
	Given    string // the YAML text as it was read

	Parts []Part // in the order of the file
	// Search says that of all chunk sizes only those are measured that show from which on a path pays; nil: all are.
	Search *Search
	// Baseline says what cases are compared with: values by parameter (BaselineKeys). Within a part, a case is
	// compared with the case that has the same parameters except these.
	// Of several values of one parameter, each part takes the first that it has.
	Baseline map[string][]string
	Measure  Measure // scaled to the effort
	// Modelled are the mechanical disks on which the writes are also modelled; nil: none.
	Modelled []ModelledDisk
	Charts   []string // throughput, cpu, latency, sweep
	Effort   Effort

	file  *node     // as read, before any --set
	sets  []setting // in force
	cases []results.Case
	// limits are those of the machine that it was fitted to; none before.
	limits Limits
}

// Part is one transfer or write block of a scenario. Its lists multiply into cases.
type Part struct {
	Kind     results.Kind
	Transfer *Transfer // for results.Transfer, else nil
	Write    *Write    // for results.Write, else nil

	at string
}

// Transfer says which ways from a file to a socket to measure.
type Transfer struct {
	Source    string   // file or memory
	Paths     []string // IDs of copypaths.Catalogue
	FileBytes int64    // of memory too: what lies there is cut into messages
	Chunks    []int64  // bytes handed to one operation; in a fetch, the size of a response; from memory, a message; in a search, all that it may try
	Caches    []string // warm, cold; "" for memory
	Links     []string // as links.Spec writes itself: loopback, veth rate=1Gbit, remote
	Receivers []string // IDs of receivers.Catalogue
	Streams   []int    // connections at once
	Workload  string   // stream or fetch
	Loads     []Loop   // fetch only
	// ReceiveBytes is what one receive call takes at most.
	ReceiveBytes int64

	// The sockets of both ends.
	Sndbufs, Rcvbufs []int64  // bytes, as asked of setsockopt(2); 0: the kernel's choice
	Nodelays, Corks  []string // on, off
	Congestions      []string // a name of the kernel's, or default
}

// Loop is how a fetch workload asks: in a closed loop (the next request follows the last answer), or in an open loop
// at a share of the closed loop's rate.
type Loop struct {
	// Share is the rate as a share of the closed-loop rate of the case that LoadReference returns; 0 is the closed loop.
	Share float64
}

// String is "closed", or the share.
func (l Loop) String() string {
	if l.Share == 0 {
		return "closed"
	}
	return strconv.FormatFloat(l.Share, 'f', -1, 64)
}

// Write says which ways to write a file to measure.
type Write struct {
	Patterns  []string // IDs of diskwrite.Patterns
	Methods   []string // IDs of diskwrite.Methods
	Syncs     []string // none, end, every=N, interval=T, group: texts for diskwrite.ParsePolicy
	SyncCalls []string // fdatasync, fsync; for policies other than none
	// Each for one pattern; nil where the part doesn't have it.
	Draws        []string  // permutation, uniform; for random
	RandomShares []float64 // for random-append-mix
	Strides      []int64   // blocks; for strided
	Thetas       []float64 // for zipf
	Files        []int     // for many-logs

	Blocks    []int64 // bytes of one write
	FileBytes int64   // a whole multiple of every block; of many-logs, all files together
	// OfDirtyLimit is the factor by which FileBytes was computed from the kernel's limit of dirty memory (Limits), 0 where it is as written.
	OfDirtyLimit float64
	Depths       []int // writes under way at once
	Writers      []int // threads
	Rates        []Rate
	Amount       string // AmountTime, AmountFile

	blocksAt []string
	fileAt   string
}

// Rate is how many writes are due per second in an open loop, of all writers together; 0 is the closed loop, in which a writer
// writes as soon as its last write returned.
type Rate float64

// String is "closed", or such as "1000/s".
func (r Rate) String() string {
	if r == 0 {
		return LoopClosed
	}
	return strconv.FormatFloat(float64(r), 'f', -1, 64) + "/s"
}

// Measure says how long to measure.
type Measure struct {
	Time      time.Duration // that a trial is to last
	MinBlocks int           // counted blocks before a run may stop
	MaxBlocks int
	Budget    time.Duration // after which a run stops, precise or not
	Precision float64       // of the effort: the relative half-width of a ratio's interval at which a run stops
	// Evidence is how often each case is run once more with instruments on, when all is measured; 0: not at all.
	Evidence int
}

// The words that no catalogue holds.
const (
	CacheWarm = "warm"
	CacheCold = "cold"

	LinkLoopback = string(links.Loopback)
	LinkRemote   = string(links.Remote)

	SourceFile   = string(copypaths.FromFile)
	SourceMemory = string(copypaths.FromMemory)

	On, Off = "on", "off"
	// CongestionDefault leaves the choice to the kernel.
	CongestionDefault = "default"

	WorkloadStream = "stream"
	WorkloadFetch  = "fetch"

	LoopClosed = "closed"
	LoopOpen   = "open"

	// AmountTime lets a trial write as much as fills its time, AmountFile the whole file once.
	AmountTime = "time"
	AmountFile = "file"

	ChartThroughput = "throughput"
	ChartCPU        = "cpu"
	ChartLatency    = "latency"
	ChartSweep      = "sweep"
)

// The bounds of what a scenario may ask for.
const (
	standardReceive = 128 * kib
	// What lies in memory is as much as a program that produces messages would have hot.
	standardMemory = 4 * mib
	mostMemory     = 4 * gib

	mostFile = 1024 * gib // 1 TiB, more than a run could fill within any budget
	// One read(2), write(2) or sendfile(2) moves at most 2 GiB less a page, so that a chunk of 1 GiB is still one operation.
	mostChunk   = gib
	mostStreams = 4096 // a thread or a connection each; beyond that the machine measures its scheduler
	// Every stream has buffers of its own.
	mostBuffers = 4 * gib
	mostShare   = 1.5 // an open loop beyond the closed loop's rate only builds a queue
	// A case takes five trials of 10 ms at the very least, and a table of more has no reader.
	mostCases = 10_000
	// The kernel opens no more files for a process (fs.nr_open), whatever ulimit says.
	mostDescriptors = 1 << 20
	mostRate        = 1_000_000_000 // writes per second
)

// Parse reads a scenario. name is its file, for errors and the ID. The error is a *UsageError.
func Parse(name string, text []byte) (*Scenario, error) {
	root, err := document(name, text)
	if err != nil {
		return nil, err
	}
	s := &Scenario{ID: idOf(name), Given: string(text), file: root, Effort: Normal}
	if err := s.change(nil, Normal); err != nil {
		return nil, err
	}
	return s, nil
}

// Load reads a scenario of the library by its ID, or a file: whatever ends in .yaml or .yml or holds a path separator
// is one. The error is a *UsageError.
func Load(nameOrFile string) (*Scenario, error) {
	if !isFile(nameOrFile) {
		return loadLibrary(nameOrFile)
	}
	text, err := readScenario(nameOrFile)
	if err != nil {
		return nil, err
	}
	return Parse(nameOrFile, text)
}

// LibraryIDs lists the scenarios of the library; the first is the one that runs where none is named.
func LibraryIDs() []string { return library.IDs() }

func isFile(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasSuffix(lower, ".yaml") || strings.HasSuffix(lower, ".yml") ||
		strings.ContainsRune(name, '/') || strings.ContainsRune(name, os.PathSeparator)
}

func loadLibrary(id string) (*Scenario, error) {
	if !slices.Contains(library.IDs(), id) {
		problem := "scenario " + quoted(id) + " is unknown" + didYouMean(id, library.IDs())
		if info, err := os.Stat(id); id != "" && err == nil && !info.IsDir() {
			problem += "; for the file of that name, write ./" + id
		}
		return nil, &UsageError{errors.New(problem)}
	}
	text, err := fs.ReadFile(library.Files(), id+".yaml")
	if err != nil {
		return nil, fmt.Errorf("read scenario %s of the library: %w", id, err)
	}
	return Parse("library/"+id+".yaml", text)
}

// readScenario reads a file, but not more than a scenario may be large.
func readScenario(name string) (_ []byte, err error) {
	// Opening a named pipe would wait for a writer that may never come.
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		kind := "no regular file"
		if info.IsDir() {
			kind = "a directory"
		}
		return nil, &UsageError{fmt.Errorf("read scenario file: %s is %s: name a YAML file", name, kind)}
	}
	f, err := os.Open(name)
	if err != nil {
		if id := idOf(name); errors.Is(err, fs.ErrNotExist) && slices.Contains(library.IDs(), id) {
			return nil, &UsageError{fmt.Errorf("read scenario file: %w; for the library's scenario, write %s", err, id)}
		}
		return nil, &UsageError{fmt.Errorf("read scenario file: %w", err)}
	}
	defer func() {
		if e := f.Close(); err == nil && e != nil {
			err = &UsageError{fmt.Errorf("read scenario file: %w", e)}
		}
	}()
	text, err := io.ReadAll(io.LimitReader(f, mostBytes+1)) // one more, so that Parse sees that it is too large
	if err != nil {
		return nil, &UsageError{fmt.Errorf("read scenario file: %w", err)}
	}
	return text, nil
}

// idOf makes a word for folders and tables of a file's name: letters, digits, dots, dashes and underscores.
func idOf(name string) string {
	base := filepath.Base(name)
	base = strings.TrimSuffix(base, filepath.Ext(base))
	id := strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_.", r)) {
			return r
		}
		return '-'
	}, base)
	if id = strings.Trim(id, "-."); id == "" {
		return "scenario"
	}
	return id[:min(len(id), 80)]
}

// ReceiveBuffer is what one receive call of a transfer's case takes at most, in bytes.
func (s *Scenario) ReceiveBuffer(c results.Case) int {
	if c.Part < len(s.Parts) && s.Parts[c.Part].Transfer != nil {
		return int(s.Parts[c.Part].Transfer.ReceiveBytes)
	}
	return standardReceive
}

// Sends tells whether the scenario has anything to send to another host.
func (s *Scenario) Sends() bool {
	return slices.ContainsFunc(s.Parts, func(p Part) bool { return p.Transfer != nil })
}

// CheckAlignment checks every block that is written with O_DIRECT against the alignment that the file under test has:
// of offsets and lengths, and of buffers, in bytes (statx(2), STATX_DIOALIGN). The blocks of a buffer lie side by side,
// so that both count. An alignment of 0 is not known and checks nothing. The error is a *UsageError.
func (s *Scenario) CheckAlignment(offsetBytes, memoryBytes int64) error {
	for _, p := range s.Parts {
		if p.Write == nil || !slices.ContainsFunc(p.Write.Methods, isDirect) {
			continue
		}
		for i, block := range p.Write.Blocks {
			for _, a := range []int64{offsetBytes, memoryBytes} {
				if a > 0 && block%a != 0 {
					return wrong(p.Write.blocksAt[i], "block %s is not a multiple of %s, the alignment of direct I/O here: write %s",
						FormatSize(block), FormatSize(a), FormatSize((block/a+1)*a))
				}
			}
		}
	}
	return nil
}

func isDirect(method string) bool {
	for _, m := range diskwrite.Methods() {
		if m.ID == method {
			return m.Direct
		}
	}
	return false
}

// The keys of each mapping, in the order in which they are best written.
func topKeys() []string {
	return []string{"title", "question", "transfer", "write", "search", "baseline", "modelled", "measure", "charts"}
}

func transferKeys() []string {
	return []string{"source", "paths", "file", "chunk", "cache", "link", "receiver", "streams", "workload", "load", "receive_buffer",
		"so_sndbuf", "so_rcvbuf", "nodelay", "cork", "congestion"}
}

func writeKeys() []string {
	keys := []string{"patterns", "methods", "sync", "sync_call", "block", "file"}
	for _, k := range patternKeys() {
		keys = append(keys, k.key)
	}
	return append(keys, "depth", "writers", "rate", "amount")
}

func measureKeys() []string { return []string{"time", "blocks", "budget", "evidence"} }

// BaselineKeys lists the parameters that a baseline may name: a transfer's, then a write's.
func BaselineKeys() []string {
	keys := []string{"path", "chunk", "cache", "link", "receiver", "streams", "load", "so_sndbuf", "so_rcvbuf", "nodelay", "cork", "congestion",
		"pattern", "method", "sync", "sync_call"}
	for _, k := range patternKeys() {
		keys = append(keys, k.key)
	}
	return append(keys, "block", "depth", "writers", "rate")
}

// pathWords lists the paths from a source.
func pathWords(source string) []string {
	var words []string
	for _, p := range copypaths.Catalogue() {
		if p.Source == "" || string(p.Source) == source {
			words = append(words, p.ID)
		}
	}
	return words
}

// pathOf reads a path from a source; one from the other source says so.
func pathOf(source string) func(string) (string, error) {
	words := pathWords(source)
	return func(text string) (string, error) {
		other := SourceMemory
		if source == SourceMemory {
			other = SourceFile
		}
		if !slices.Contains(words, text) && slices.Contains(pathWords(other), text) {
			return "", fmt.Errorf("sends from %s, and this part's source is %s: write \"source: %s\", or one of %s", other, source, other, strings.Join(words, ", "))
		}
		return wordOf(words)(text)
	}
}

func receiverWords() []string {
	var words []string
	for _, r := range receivers.Catalogue() {
		words = append(words, r.ID)
	}
	return words
}

func patternWords() []string {
	var words []string
	for _, p := range diskwrite.Patterns() {
		words = append(words, string(p.ID))
	}
	return words
}

// patternKey is a key of a write part that one pattern needs and no other takes: see diskwrite.Pattern.Parameter.
type patternKey struct {
	pattern diskwrite.PatternID
	key     string
}

func patternKeys() []patternKey {
	return []patternKey{
		{diskwrite.Random, "draw"},
		{diskwrite.RandomAppendMix, "random_share"},
		{diskwrite.Strided, "stride"},
		{diskwrite.Zipf, "theta"},
		{diskwrite.ManyLogs, "files"},
	}
}

// keyOf is the key that the pattern needs and no other takes, "" where it needs none.
func keyOf(id diskwrite.PatternID) string {
	for _, k := range patternKeys() {
		if k.pattern == id {
			return k.key
		}
	}
	return ""
}

func methodWords() []string {
	var words []string
	for _, m := range diskwrite.Methods() {
		words = append(words, m.ID)
	}
	return words
}

func syncCallWords() []string {
	var words []string
	for _, c := range diskwrite.SyncCalls() {
		words = append(words, string(c))
	}
	return words
}

func drawWords() []string {
	var words []string
	for _, d := range diskwrite.Draws() {
		words = append(words, string(d.ID))
	}
	return words
}

func chartWords() []string {
	return []string{ChartThroughput, ChartCPU, ChartLatency, ChartSweep}
}

// change resolves the scenario anew, with these assignments and this effort. It changes nothing where that fails.
func (s *Scenario) change(sets []setting, effort Effort) error {
	fresh := Scenario{ID: s.ID, Given: s.Given, Effort: effort, file: s.file, sets: sets, limits: s.limits}
	r := &resolver{scenario: &fresh, root: withSets(s.file, sets), used: map[string]bool{}, unused: map[string]error{}}
	r.resolve(r.root)
	if r.err != nil {
		return r.err
	}
	*s = fresh
	return nil
}

// resolver fills a scenario from its tree. It keeps the first error and reads on, so that the code stays in the order
// of the format.
type resolver struct {
	scenario *Scenario
	root     *node
	err      error
	// What became of the keys that --set gave to every part of a kind: a part that can't use one leaves it alone, but
	// one that no part uses is an error.
	used   map[string]bool
	unused map[string]error
}

func (r *resolver) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *resolver) resolve(root *node) {
	s := r.scenario
	r.checkKeys("the scenario", root, topKeys())
	s.Title = r.line(root, "title", "what this scenario shows, such as \"Four copies or none\"")
	s.Question = r.line(root, "question", "what it answers, ending in a question mark")
	s.Search = r.search(root)
	for _, e := range root.keys { // as written
		switch e.key {
		case "transfer":
			for _, n := range r.parts(e) {
				s.Parts = append(s.Parts, Part{Kind: results.Transfer, Transfer: r.transfer(n), at: n.at})
			}
		case "write":
			for _, n := range r.parts(e) {
				s.Parts = append(s.Parts, Part{Kind: results.Write, Write: r.write(n), at: n.at})
			}
		}
	}
	if len(s.Parts) == 0 {
		r.fail(wrong(root.at, "the scenario measures nothing: add a transfer or a write part, such as \"transfer: {paths: [read-write, sendfile]}\""))
	}
	for _, key := range slices.Sorted(maps.Keys(r.unused)) {
		if !r.used[key] {
			r.fail(r.unused[key])
		}
	}
	s.Modelled = r.modelled(root)
	r.measure(root)
	s.Charts = r.charts(root)
	if r.err != nil {
		return
	}
	r.plan(root)
}

// checkKeys refuses a key that the mapping n doesn't have.
func (r *resolver) checkKeys(group string, n *node, valid []string) {
	for _, e := range n.keys {
		if !slices.Contains(valid, e.key) {
			r.fail(wrong(e.at, "unknown key %s in %s%s", quoted(e.key), group, didYouMean(e.key, valid)))
		}
	}
}

// parts is a kind's mappings: one, or a list of them.
func (r *resolver) parts(e entry) []*node {
	nodes := []*node{e.value}
	if e.value.kind == list {
		nodes = e.value.items
	}
	if len(nodes) == 0 {
		r.fail(wrong(e.value.at, "%s is an empty list: write a mapping, or leave the key out", e.key))
	}
	for _, n := range nodes {
		if n.kind != mapping {
			r.fail(wrong(n.at, "%s is not a mapping: write keys with values under it, or a list of such mappings", e.key))
			return nil
		}
	}
	return nodes
}

func (r *resolver) transfer(n *node) *Transfer {
	r.checkKeys("transfer", n, transferKeys())
	size := sizeWithin(mostChunk, "the kernel moves less than 2GiB in one call")
	t := &Transfer{
		Source:       one(r, n, "source", SourceFile, wordOf([]string{SourceFile, SourceMemory})),
		Links:        values(r, n, "link", []string{LinkLoopback}, parseLink).values,
		Receivers:    values(r, n, "receiver", []string{"recv"}, wordOf(receiverWords())).values,
		Workload:     one(r, n, "workload", WorkloadStream, wordOf([]string{WorkloadStream, WorkloadFetch})),
		ReceiveBytes: one(r, n, "receive_buffer", standardReceive, size),
		Sndbufs:      values(r, n, "so_sndbuf", []int64{0}, parseBuffer).values,
		Rcvbufs:      values(r, n, "so_rcvbuf", []int64{0}, parseBuffer).values,
		Nodelays:     values(r, n, "nodelay", []string{On}, wordOf([]string{On, Off})).values,
		Corks:        values(r, n, "cork", []string{Off}, wordOf([]string{On, Off})).values,
		Congestions:  values(r, n, "congestion", []string{CongestionDefault}, parseCongestion).values,
	}
	if t.Source == SourceMemory {
		t.Paths = values(r, n, "paths", []string{"send", "sendmsg"}, pathOf(SourceMemory)).values
		t.FileBytes = one(r, n, "file", standardMemory, sizeWithin(mostMemory, "all of it is held in memory"))
		t.Caches = []string{""}
		r.leaves("transfer.cache", n, "cache", "cache is for source file: what is sent from memory is in no page cache; leave cache out", "source")
	} else {
		t.Paths = values(r, n, "paths", []string{"read-write", "sendfile"}, pathOf(SourceFile)).values
		t.FileBytes = one(r, n, "file", 256*mib, sizeWithin(mostFile, "no run has the time for more"))
		t.Caches = values(r, n, "cache", []string{CacheWarm}, wordOf([]string{CacheWarm, CacheCold})).values
		r.uses("transfer.cache", n, "cache")
	}
	chunks := values(r, n, "chunk", []int64{64 * kib}, size)
	if r.scenario.Search != nil {
		chunks = r.searched(n)
	}
	for i, c := range chunks.values {
		if c > t.FileBytes {
			r.fail(wrong(chunks.at[i], "chunk %s is larger than the file (%s): write a smaller chunk or a larger file",
				FormatSize(c), FormatSize(t.FileBytes)))
		}
	}
	streams := values(r, n, "streams", []int{1}, wholeWithin(1, mostStreams))
	for i, count := range streams.values {
		for _, c := range append([]int64{t.ReceiveBytes}, chunks.values...) {
			if int64(count)*c > mostBuffers { // at most 2^12 × 2^30
				r.fail(wrong(streams.at[i], "streams %d with %s each need %s of buffers, more than %s: write fewer streams or a smaller chunk",
					count, FormatSize(c), FormatSize(int64(count)*c), FormatSize(mostBuffers)))
			}
		}
	}
	t.Chunks, t.Streams = chunks.values, streams.values
	if t.Workload == WorkloadFetch {
		t.Loads = values(r, n, "load", []Loop{{}}, parseLoad).values
		r.uses("transfer.load", n, "load")
		r.searchSpares(n, "workload", "a fetch")
	} else {
		r.leaves("transfer.load", n, "load", "load is for workload fetch: add \"workload: fetch\", or leave load out", "workload")
	}
	return t
}

func (r *resolver) write(n *node) *Write {
	r.checkKeys("write", n, writeKeys())
	r.searchSpares(n, "", "a write")
	w := &Write{
		Patterns: values(r, n, "patterns", []string{string(diskwrite.Append), string(diskwrite.Random)}, wordOf(patternWords())).values,
		Methods:  values(r, n, "methods", []string{"buffered"}, wordOf(methodWords())).values,
		Syncs:    values(r, n, "sync", []string{string(diskwrite.SyncNone)}, parsePolicy).values,
		Amount:   one(r, n, "amount", AmountTime, wordOf([]string{AmountTime, AmountFile})),
	}
	blocks := values(r, n, "block", []int64{4 * kib}, sizeWithin(mostChunk, "the kernel writes less than 2GiB in one call"))
	w.Blocks, w.blocksAt = blocks.values, blocks.at
	r.sizeFile(n, w)
	for i, b := range blocks.values {
		switch rest := w.FileBytes % b; {
		case b > w.FileBytes:
			r.fail(wrong(blocks.at[i], "block %s is larger than the file (%s): write a smaller block or a larger file",
				FormatSize(b), FormatSize(w.FileBytes)))
		case rest != 0:
			r.fail(wrong(blocks.at[i], "block %s doesn't divide the file (%s): write a file of %s",
				FormatSize(b), FormatSize(w.FileBytes), FormatSize(w.FileBytes-rest)))
		}
	}
	if slices.ContainsFunc(w.Syncs, func(p string) bool { return p != string(diskwrite.SyncNone) }) {
		w.SyncCalls = values(r, n, "sync_call", []string{syncCallWords()[0]}, wordOf(syncCallWords())).values
		r.uses("write.sync_call", n, "sync_call")
	} else {
		r.leaves("write.sync_call", n, "sync_call", "sync_call is for a sync policy other than none: add \"sync: end\", or leave sync_call out", "sync")
	}
	w.Draws = forPattern(r, n, w, diskwrite.Random, []string{drawWords()[0]}, wordOf(drawWords())).values
	w.RandomShares = forPattern(r, n, w, diskwrite.RandomAppendMix, []float64{0.3}, parseShare).values
	strides := forPattern(r, n, w, diskwrite.Strided, []int64{16}, parseStride)
	w.Thetas = forPattern(r, n, w, diskwrite.Zipf, []float64{0.99}, parseTheta).values
	logs := forPattern(r, n, w, diskwrite.ManyLogs, []int{1, 10, 100, 1000}, wholeWithin(1, diskwrite.MostFiles))
	writers := values(r, n, "writers", []int{1}, wholeWithin(1, diskwrite.MostWriters))
	depths := values(r, n, "depth", []int{1}, parseDepth)
	w.Strides, w.Files, w.Writers, w.Depths = strides.values, logs.values, writers.values, depths.values
	w.Rates = values(r, n, "rate", []Rate{0}, parseRate).values
	if r.err == nil {
		r.checkStrides(w, strides)
		r.checkLogs(w, logs)
		r.checkDepths(w, depths)
	}
	return w
}

// forPattern reads the key that one pattern needs and no other takes; nothing where the part doesn't have the pattern.
func forPattern[T comparable](r *resolver, n *node, w *Write, pattern diskwrite.PatternID, standard []T, parse func(string) (T, error)) chosen[T] {
	key := keyOf(pattern)
	if !slices.Contains(w.Patterns, string(pattern)) {
		r.leaves("write."+key, n, key, fmt.Sprintf("%s is for the %s pattern: add it to patterns, or leave %s out", key, pattern, key), "patterns")
		return chosen[T]{}
	}
	r.uses("write."+key, n, key)
	return values(r, n, key, standard, parse)
}

// checkStrides checks that every stride fits into the file at least twice.
func (r *resolver) checkStrides(w *Write, strides chosen[int64]) {
	for i, stride := range strides.values {
		for _, b := range w.Blocks {
			switch blocks := w.FileBytes / b; {
			case blocks < 4:
				r.fail(wrong(strides.at[i], "the strided pattern needs a file of at least 4 blocks, and with block %s it has %d: write a larger file", FormatSize(b), blocks))
			case stride > blocks/2:
				r.fail(wrong(strides.at[i], "stride %d is more than half of the file, which has %d blocks of %s: write at most %d, or a larger file",
					stride, blocks, FormatSize(b), blocks/2))
			}
		}
	}
}

// checkLogs checks that there is at least one block for each of many logs, and that they can all be open.
func (r *resolver) checkLogs(w *Write, logs chosen[int]) {
	for i, files := range logs.values {
		for _, b := range w.Blocks {
			if blocks := w.FileBytes / b; int64(files) > blocks {
				r.fail(wrong(logs.at[i], "files %d is more than the blocks of %s that file %s, which is all logs together, has room for: write at most %d, or a larger file",
					files, FormatSize(b), FormatSize(w.FileBytes), blocks))
			}
		}
		for _, writers := range w.Writers {
			if files*(writers+1) > mostDescriptors { // at most 10^5 × 1025
				r.fail(wrong(logs.at[i], "files %d and writers %d take %d open files, more than the %d that the kernel gives a process: write fewer of either, or put them into two parts",
					files, writers, files*(writers+1), mostDescriptors))
			}
		}
	}
}

// checkDepths checks that several writes in flight are asked for only where one writer of one file, in a closed loop, makes them, with a method
// that can: where only some of the part's can, the other cases are unavailable.
func (r *resolver) checkDepths(w *Write, depths chosen[int]) {
	for i, depth := range depths.values {
		if depth == 1 {
			continue
		}
		never := func(what string) {
			r.fail(wrong(depths.at[i], "depth %d is impossible with %s: write depth 1 with it, and the other depths in a part of their own", depth, what))
		}
		if most := slices.Max(w.Writers); most > 1 {
			never(fmt.Sprintf("writers %d", most))
		}
		if fastest := slices.Max(w.Rates); fastest > 0 {
			never("rate " + fastest.String())
		}
		if slices.Contains(w.Syncs, string(diskwrite.SyncGroup)) {
			never("sync group")
		}
		if slices.Contains(w.Patterns, string(diskwrite.ManyLogs)) {
			never("the pattern many-logs")
		}
	}
	queued := func(id string) bool {
		m, ok := diskwrite.FindMethod(id)
		return !ok || m.Queued
	}
	if slices.Min(depths.values) > 1 && !slices.ContainsFunc(w.Methods, queued) {
		r.fail(wrong(depths.at[0], "depth %d is impossible with the methods of this part (%s), which have one write in flight: write depth 1, or add the method uring or uring-direct",
			depths.values[0], strings.Join(w.Methods, ", ")))
	}
}

// uses notes that a part has a use for a key; leaves, that it has none. A key that the file gives to a part without
// use for it is an error, unless --set took the use away by changing the key cause. A key that --set gives must be of
// use to one part at least.
func (r *resolver) uses(name string, n *node, key string) {
	if n.get(key) != nil {
		r.used[name] = true
	}
}

func (r *resolver) leaves(name string, n *node, key, why, cause string) {
	v := n.get(key)
	if v == nil {
		return
	}
	if v.set {
		r.unused[name] = wrong(v.at, "%s", why)
		return
	}
	if c := n.get(cause); c == nil || !c.set {
		r.fail(wrong(v.at, "%s", why))
	}
}

func (r *resolver) measure(root *node) {
	n := &node{at: root.at, kind: mapping}
	if given := root.get("measure"); given != nil {
		if n = given; n.kind != mapping {
			r.fail(wrong(n.at, "measure is not a mapping: write keys with values under it, such as \"measure: {time: 400ms, budget: 60s}\""))
			return
		}
	}
	r.checkKeys("measure", n, measureKeys())
	blocks := one(r, n, "blocks", blockRange{leastBlocks, 40}, parseBlocks)
	m := Measure{
		Time:      one(r, n, "time", 400*time.Millisecond, durationWithin(shortestTrial, longestTrial)),
		MinBlocks: blocks.least,
		MaxBlocks: blocks.most,
		Budget:    one(r, n, "budget", 60*time.Second, durationWithin(shortestBudget, longestBudget)),
		Evidence:  one(r, n, "evidence", normalPasses, parsePasses),
	}
	r.scenario.Measure = m.scale(r.scenario.Effort, func(key string) bool {
		v := n.get(key)
		return v != nil && v.set
	})
}

// charts may be an empty list: no charts.
func (r *resolver) charts(root *node) []string {
	if n := root.get("charts"); n != nil && n.kind == list && len(n.items) == 0 {
		return []string{}
	}
	return values(r, root, "charts", []string{ChartThroughput, ChartCPU, ChartLatency}, wordOf(chartWords())).values
}

// line reads a text that must be there, with its line breaks turned into spaces.
func (r *resolver) line(root *node, key, what string) string {
	const longest = 300
	n := root.get(key)
	if n == nil {
		r.fail(wrong(root.at, "the scenario has no %s: add one that says %s", key, what))
		return ""
	}
	if n.kind != scalar {
		r.fail(wrong(n.at, "%s is not text: write one line; text that starts with [ or { needs quotes", key))
		return ""
	}
	text := strings.Join(strings.Fields(n.text), " ")
	switch {
	case text == "":
		r.fail(wrong(n.at, "%s is empty: write %s", key, what))
	case len([]rune(text)) > longest:
		r.fail(wrong(n.at, "%s is longer than %d characters: tell the rest in a comment", key, longest))
	case strings.ContainsFunc(text, unicode.IsControl):
		r.fail(wrong(n.at, "%s holds a control character: leave it out", key))
	}
	return text
}

// chosen is a list of values, each with the place that it came from.
type chosen[T any] struct {
	values []T
	at     []string
}

// values reads a list, or one value as a list of one; standard stands where the key is missing.
func values[T comparable](r *resolver, n *node, key string, standard []T, parse func(string) (T, error)) chosen[T] {
	v := n.get(key)
	if v == nil {
		return chosen[T]{standard, slices.Repeat([]string{n.at}, len(standard))}
	}
	items := []*node{v}
	if v.kind == list {
		items = v.items
	}
	if len(items) == 0 {
		r.fail(wrong(v.at, "%s is an empty list: write at least one value, or leave the key out for %v", key, format(standard)))
	}
	var c chosen[T]
	for _, item := range items {
		value, ok := read(r, item, key, parse)
		if !ok {
			continue
		}
		if slices.Contains(c.values, value) {
			r.fail(wrong(item.at, "%s %s is there twice: keep one", key, quoted(item.text)))
		}
		c.values, c.at = append(c.values, value), append(c.at, item.at)
	}
	return c
}

// one reads a value that can't be a list.
func one[T any](r *resolver, n *node, key string, standard T, parse func(string) (T, error)) T {
	v := n.get(key)
	if v == nil {
		return standard
	}
	if v.kind == list {
		r.fail(wrong(v.at, "%s takes one value, not a list", key))
		return standard
	}
	if value, ok := read(r, v, key, parse); ok {
		return value
	}
	return standard
}

func read[T any](r *resolver, n *node, key string, parse func(string) (T, error)) (value T, ok bool) {
	switch {
	case n.kind != scalar:
		r.fail(wrong(n.at, "%s takes plain values: no mapping and no list within the list", key))
		return value, false
	case n.empty:
		r.fail(wrong(n.at, "%s has no value: write one, or leave the key out", key))
		return value, false
	}
	value, err := parse(n.text)
	if err != nil {
		r.fail(wrong(n.at, "%s %s %v", key, quoted(n.text), err))
	}
	return value, err == nil
}

// format writes default values for an error.
func format[T any](values []T) string {
	var words []string
	for _, v := range values {
		switch v := any(v).(type) {
		case int64:
			words = append(words, FormatSize(v))
		default:
			words = append(words, fmt.Sprint(v))
		}
	}
	return strings.Join(words, ", ")
}

// wordOf reads one of a list of words.
func wordOf(valid []string) func(string) (string, error) {
	return func(word string) (string, error) {
		if !slices.Contains(valid, word) {
			return "", errors.New("is unknown" + didYouMean(word, valid))
		}
		return word, nil
	}
}

func parseLoad(text string) (Loop, error) {
	if text == LoopClosed {
		return Loop{}, nil
	}
	share, err := strconv.ParseFloat(text, 64)
	if plain := strings.Trim(text, "0123456789.") == ""; err != nil || !plain {
		if near := Nearest(text, []string{LoopClosed}); near != "" {
			return Loop{}, fmt.Errorf("is unknown: did you mean %s?", quoted(near))
		}
		return Loop{}, errors.New("is neither \"closed\" nor a share of the closed loop's rate, such as 0.5")
	}
	if share <= 0 || share > mostShare || len(text) > 10 {
		return Loop{}, fmt.Errorf("is not above 0 and at most %v: write the share of the closed loop's rate, such as 0.5", mostShare)
	}
	return Loop{Share: share}, nil
}

// parsePolicy reads a sync policy and returns its shortest text.
func parsePolicy(text string) (string, error) {
	p, err := diskwrite.ParsePolicy(text)
	if err != nil {
		const forms = "write none, end, every=N, where N writes go between two syncs, such as every=32, interval=T, such as interval=100ms, or group"
		if near := Nearest(text, []string{string(diskwrite.SyncNone), string(diskwrite.SyncEnd), string(diskwrite.SyncGroup)}); near != "" {
			return "", fmt.Errorf("is unknown: did you mean %s? (%s)", quoted(near), forms)
		}
		switch word, value, _ := strings.Cut(text, "="); word {
		case "every":
			if n, err := strconv.ParseInt(value, 10, 64); err == nil && n < 1 {
				return "", errors.New("is impossible: N must be at least 1; every=1 syncs after each write")
			}
		case "interval":
			if t, err := time.ParseDuration(value); err == nil && t <= 0 {
				return "", errors.New("is impossible: T must be above 0, such as interval=100ms; every=1 syncs after each write")
			}
		}
		return "", errors.New("is not a sync policy: " + forms)
	}
	return p.String(), nil
}

func parseDepth(text string) (int, error) { return wholeWithin(1, diskwrite.MostDepth)(text) }

// parseShare reads a share of random writes.
func parseShare(text string) (float64, error) {
	return parseDecimal(text, "a share above 0 and below 1, such as 0.3; for all or none there are the patterns random and append",
		func(x float64) bool { return x > 0 && x < 1 })
}

// parseTheta reads how uneven a Zipf distribution is.
func parseTheta(text string) (float64, error) {
	return parseDecimal(text, fmt.Sprintf("a number above 0 and at most %d, such as 0.99", diskwrite.MostTheta),
		func(x float64) bool { return x > 0 && x <= diskwrite.MostTheta })
}

// parseStride reads a number of blocks. How many the file has room for is checked when the file is known.
func parseStride(text string) (int64, error) {
	n, err := wholeWithin(2, math.MaxInt32)(text)
	if text == "1" {
		return 0, errors.New("is every block: write the pattern overwrite, or at least 2")
	}
	return int64(n), err
}

// parseRate reads "closed", or a whole number of writes per second: "1000/s".
func parseRate(text string) (Rate, error) {
	if text == LoopClosed {
		return 0, nil
	}
	number, perSecond := strings.CutSuffix(text, "/s")
	if !isWhole(number) {
		if near := Nearest(text, []string{LoopClosed}); near != "" {
			return 0, fmt.Errorf("is unknown: did you mean %s?", quoted(near))
		}
		return 0, errors.New("is neither \"closed\" nor a whole number of writes per second, such as 1000/s")
	}
	n, err := wholeWithin(1, mostRate)(number)
	switch {
	case err != nil:
		return 0, fmt.Errorf("is out of range: write 1/s to %d/s", mostRate)
	case !perSecond:
		return 0, fmt.Errorf("has no unit: write %s/s", number)
	}
	return Rate(n), nil
}
