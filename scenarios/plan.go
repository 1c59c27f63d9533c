package scenarios

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"copylab/diskwrite"
	"copylab/results"
)

// Cases lists the cases of the scenario: the lists of each part multiplied, in the order in which they are written,
// the last parameter changing fastest. A case that two parts have in common is there once, as the first part's.
func (s *Scenario) Cases() []results.Case { return slices.Clone(s.cases) }

// LoadReference is the case whose rate an open loop's share is a share of: the same case in a closed loop, over the
// baseline's path where the baseline names one. It need not be among Cases. For a case that is no open loop it returns
// the case itself.
func (s *Scenario) LoadReference(c results.Case) results.Case {
	if c.Params.Loop != LoopOpen {
		return c
	}
	c.Params.Loop, c.Params.LoadShare = LoopClosed, 0
	for _, path := range s.Baseline["path"] {
		if slices.Contains(s.Parts[c.Part].Transfer.Paths, path) {
			c.Params.Path = path
			break
		}
	}
	c.ID, c.Baseline, c.Unavailable = caseID(c.Kind, c.Params), "", ""
	return c
}

// Order is the order in which a block's cases are run: a permutation of 0 to cases-1 that depends on the seed and the
// block alone, so that a run can be repeated. Every block has one of its own: what drifts on a machine, and what one case
// leaves behind for the next, then falls on all cases alike.
func Order(seed uint64, block, cases int) []int {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], uint64(block))
	copy(key[16:], "order of a block")
	return rand.New(rand.NewChaCha8(key)).Perm(cases)
}

// Results is the scenario as a record holds it. Resolved is JSON of the scenario's own format, so that Parse reads it.
func (s *Scenario) Results() results.Scenario {
	return results.Scenario{
		ID:            s.ID,
		Title:         s.Title,
		Question:      s.Question,
		Given:         s.Given,
		Resolved:      s.resolved(),
		Charts:        slices.Clone(s.Charts),
		Precision:     s.Measure.Precision,
		BudgetSeconds: s.Measure.Budget.Seconds(),
		Search:        s.Search.results(),
	}
}

// param is one parameter of a case, as text. One that is silent is left as it is unless somebody says otherwise, and an ID says
// nothing of it.
type param struct {
	name, value string
	silent      bool
}

// params lists the parameters that apply to a case, in the order of its ID.
func params(kind results.Kind, p results.Params) []param {
	if kind == results.Transfer {
		var list []param
		say := func(name, value string) { list = append(list, param{name: name, value: value}) }
		maySay := func(name, value, standard string) { list = append(list, param{name, value, value == standard}) }
		maySay("source", cmp.Or(p.Source, SourceFile), SourceFile)
		say("path", p.Path)
		say("chunk", FormatSize(p.ChunkBytes))
		say("file", FormatSize(p.FileBytes))
		if p.Source != SourceMemory {
			say("cache", p.Cache)
		}
		say("link", linkOf(p))
		say("receiver", p.Receiver)
		say("streams", strconv.Itoa(p.Streams))
		say("workload", p.Workload)
		if p.Workload == WorkloadFetch {
			say("load", Loop{Share: p.LoadShare}.String())
		}
		maySay("so_sndbuf", formatBuffer(p.SoSndbufBytes), "auto")
		maySay("so_rcvbuf", formatBuffer(p.SoRcvbufBytes), "auto")
		maySay("nodelay", cmp.Or(p.Nodelay, On), On)
		maySay("cork", cmp.Or(p.Cork, Off), Off)
		maySay("congestion", cmp.Or(p.Congestion, CongestionDefault), CongestionDefault)
		return list
	}
	list := []param{{name: "pattern", value: p.Pattern}, {name: "method", value: p.Method}, {name: "sync", value: p.Sync}}
	if p.SyncCall != "" {
		list = append(list, param{name: "sync_call", value: p.SyncCall})
	}
	for _, k := range patternKeys() {
		if value := patternValue(k.key, p); value != "" {
			list = append(list, param{name: k.key, value: value})
		}
	}
	return append(list,
		param{name: "block", value: FormatSize(p.BlockBytes)}, param{name: "file", value: FormatSize(p.FileBytes)}, param{name: "depth", value: strconv.Itoa(p.Depth)},
		param{"writers", strconv.Itoa(writersOf(p)), writersOf(p) == 1},
		param{"rate", Rate(p.RatePerSecond).String(), p.RatePerSecond == 0},
		param{"amount", cmp.Or(p.Amount, AmountTime), cmp.Or(p.Amount, AmountTime) == AmountTime})
}

// patternValue is the value of a key that only one pattern has, "" where p has another.
func patternValue(key string, p results.Params) string {
	switch key {
	case "draw":
		return p.Draw
	case "random_share":
		return formatDecimal(p.RandomShare)
	case "stride":
		return formatDecimal(float64(p.StrideBlocks))
	case "theta":
		return formatDecimal(p.Theta)
	case "files":
		return formatDecimal(float64(p.Files))
	}
	return ""
}

// writersOf is the number of threads of a write's case.
func writersOf(p results.Params) int { return max(1, p.Writers) }

// optionalKeys are the parameters that only some cases of a part have.
func optionalKeys() []string {
	keys := []string{"sync_call"}
	for _, k := range patternKeys() {
		keys = append(keys, k.key)
	}
	return keys
}

// linkOf is a case's link with its options, as scenarios write it.
func linkOf(p results.Params) string { return strings.TrimSpace(p.Link + " " + p.LinkOptions) }

// unless is value, or "" where it is the standard one: what was left as it is is left out of a case's parameters.
func unless(standard, value string) string {
	if value == standard {
		return ""
	}
	return value
}

// caseID writes every parameter: "write:pattern=append,method=buffered,…".
func caseID(kind results.Kind, p results.Params) string {
	var words []string
	for _, q := range params(kind, p) {
		if !q.silent {
			words = append(words, q.name+"="+q.value)
		}
	}
	return string(kind) + ":" + strings.Join(words, ",")
}

// plan fills in the cases and links each to the one that it is compared with.
func (r *resolver) plan(root *node) {
	s := r.scenario
	parts := make([][]results.Case, len(s.Parts))
	total := 0
	for i, p := range s.Parts {
		if total += p.size(); total > mostCases {
			r.fail(wrong(p.at, "the lists multiply into more than %d cases: shorten them, or ask in several scenarios", mostCases))
			return
		}
		parts[i] = p.cases(i)
	}
	b := baseline(r, root, parts)
	r.searchCompares(root, b)
	if r.err != nil {
		return
	}
	s.Baseline = map[string][]string{}
	for _, g := range b {
		s.Baseline[g.name] = append(s.Baseline[g.name], g.value)
	}

	index := map[string]int{}
	for i, cases := range parts {
		if err := link(cases, ofPart(b, cases)); err != nil {
			r.fail(err)
			return
		}
		for _, c := range cases {
			at, had := index[c.ID]
			if !had { // or it has the same baseline: every part has all that it could be compared with
				index[c.ID] = len(s.cases)
				s.cases = append(s.cases, c)
				continue
			}
			// Both are measured in the same way, or the case would have two meanings.
			if first := s.Parts[s.cases[at].Part].Transfer; first != nil && first.ReceiveBytes != s.Parts[i].Transfer.ReceiveBytes {
				r.fail(wrong(s.Parts[i].at, "this part and an earlier one share cases, but not their receive_buffer (%s and %s): make it the same",
					FormatSize(s.Parts[i].Transfer.ReceiveBytes), FormatSize(first.ReceiveBytes)))
				return
			}
		}
	}
}

// size is the number of a part's cases, or more than mostCases.
func (p Part) size() int {
	n := 1
	times := func(k int) { n = min(n*max(k, 1), mostCases+1) }
	if t := p.Transfer; t != nil {
		for _, k := range []int{len(t.Paths), len(t.Chunks), len(t.Caches), len(t.Links), len(t.Receivers), len(t.Streams), len(t.Loads),
			len(t.Sndbufs), len(t.Rcvbufs), len(t.Nodelays), len(t.Corks), len(t.Congestions)} {
			times(k)
		}
		return n
	}
	w := p.Write
	patterns, syncs := len(w.Patterns), len(w.Syncs)
	for _, variants := range []int{len(w.Draws), len(w.RandomShares), len(w.Strides), len(w.Thetas), len(w.Files)} {
		patterns += max(variants-1, 0)
	}
	if slices.Contains(w.Syncs, string(diskwrite.SyncNone)) {
		syncs = 1 + (syncs-1)*len(w.SyncCalls)
	} else {
		syncs *= len(w.SyncCalls)
	}
	for _, k := range []int{patterns, len(w.Methods), syncs, len(w.Blocks), len(w.Depths), len(w.Writers), len(w.Rates)} {
		times(k)
	}
	return n
}

// cases multiplies a part's lists.
func (p Part) cases(index int) []results.Case {
	points := []results.Params{{}}
	if t := p.Transfer; t != nil {
		points = each(points, t.Paths, func(q *results.Params, v string) { q.Path = v })
		points = each(points, t.Chunks, func(q *results.Params, v int64) { q.ChunkBytes = v })
		points = each(points, t.Caches, func(q *results.Params, v string) { q.Cache = v })
		points = each(points, t.Links, func(q *results.Params, v string) { q.Link, q.LinkOptions, _ = strings.Cut(v, " ") })
		points = each(points, t.Receivers, func(q *results.Params, v string) { q.Receiver = v })
		points = each(points, t.Streams, func(q *results.Params, v int) { q.Streams = v })
		points = each(points, t.Sndbufs, func(q *results.Params, v int64) { q.SoSndbufBytes = v })
		points = each(points, t.Rcvbufs, func(q *results.Params, v int64) { q.SoRcvbufBytes = v })
		points = each(points, t.Nodelays, func(q *results.Params, v string) { q.Nodelay = unless(On, v) })
		points = each(points, t.Corks, func(q *results.Params, v string) { q.Cork = unless(Off, v) })
		points = each(points, t.Congestions, func(q *results.Params, v string) { q.Congestion = unless(CongestionDefault, v) })
		for i := range points {
			points[i].Source, points[i].Workload, points[i].FileBytes = t.Source, t.Workload, t.FileBytes
		}
		if t.Workload == WorkloadFetch {
			points = each(points, t.Loads, func(q *results.Params, v Loop) {
				q.Loop, q.LoadShare = LoopClosed, v.Share
				if v.Share != 0 {
					q.Loop = LoopOpen
				}
			})
		}
	}
	if w := p.Write; w != nil {
		of := func(id diskwrite.PatternID) func(results.Params) bool {
			return func(q results.Params) bool { return q.Pattern == string(id) }
		}
		synced := func(q results.Params) bool { return q.Sync != string(diskwrite.SyncNone) }
		points = each(points, w.Patterns, func(q *results.Params, v string) { q.Pattern = v })
		points = each(points, w.Methods, func(q *results.Params, v string) { q.Method = v })
		points = each(points, w.Syncs, func(q *results.Params, v string) { q.Sync = v })
		points = eachIf(points, synced, w.SyncCalls, func(q *results.Params, v string) { q.SyncCall = v })
		points = eachIf(points, of(diskwrite.Random), w.Draws, func(q *results.Params, v string) { q.Draw = v })
		points = eachIf(points, of(diskwrite.RandomAppendMix), w.RandomShares, func(q *results.Params, v float64) { q.RandomShare = v })
		points = eachIf(points, of(diskwrite.Strided), w.Strides, func(q *results.Params, v int64) { q.StrideBlocks = v })
		points = eachIf(points, of(diskwrite.Zipf), w.Thetas, func(q *results.Params, v float64) { q.Theta = v })
		points = eachIf(points, of(diskwrite.ManyLogs), w.Files, func(q *results.Params, v int) { q.Files = v })
		points = each(points, w.Blocks, func(q *results.Params, v int64) { q.BlockBytes = v })
		points = each(points, w.Depths, func(q *results.Params, v int) { q.Depth = v })
		points = each(points, w.Writers, func(q *results.Params, v int) {
			if v > 1 {
				q.Writers = v
			}
		})
		points = each(points, w.Rates, func(q *results.Params, v Rate) { q.RatePerSecond = float64(v) })
		for i := range points {
			points[i].FileBytes, points[i].Amount = w.FileBytes, unless(AmountTime, w.Amount)
		}
	}
	cases := make([]results.Case, len(points))
	for i, q := range points {
		cases[i] = results.Case{ID: caseID(p.Kind, q), Kind: p.Kind, Part: index, Params: q}
	}
	return cases
}

// each multiplies the points by a list of values.
func each[T any](points []results.Params, values []T, put func(*results.Params, T)) []results.Params {
	return eachIf(points, func(results.Params) bool { return true }, values, put)
}

// eachIf multiplies those points to which the parameter applies, and keeps the others as they are.
func eachIf[T any](points []results.Params, applies func(results.Params) bool, values []T, put func(*results.Params, T)) []results.Params {
	var product []results.Params
	for _, p := range points {
		if !applies(p) {
			product = append(product, p)
			continue
		}
		for _, v := range values {
			q := p
			put(&q, v)
			product = append(product, q)
		}
	}
	return product
}

// given is one parameter of the baseline, with the place that it came from.
type given struct {
	param
	at string
}

// baseline reads what cases are compared with, and checks that every part can be compared with it.
func baseline(r *resolver, root *node, parts [][]results.Case) []given {
	n := root.get("baseline")
	if n == nil {
		return standardBaseline(root, parts)
	}
	if n.kind != mapping {
		r.fail(wrong(n.at, "baseline is not a mapping: write parameters with values under it, such as \"baseline: {path: read-write}\""))
		return nil
	}
	r.checkKeys("baseline", n, BaselineKeys())
	var named []given
	for _, e := range n.keys {
		some := baselineValues(r, e)
		if r.err != nil {
			return nil
		}
		used := make([]bool, len(some))
		anywhere := false
		for i, cases := range parts {
			known := valuesOf(cases, e.key)
			if len(known) == 0 {
				continue
			}
			anywhere = true
			at := slices.IndexFunc(some, func(g given) bool { return slices.Contains(known, g.value) })
			if at >= 0 {
				used[at] = true
				continue
			}
			g := some[0]
			remedy := ""
			if !e.value.set && len(r.scenario.sets) > 0 {
				remedy = "; with --set you can change it too: --set baseline." + e.key + "=" + known[0]
			}
			r.fail(wrong(g.at, "baseline %s %s is in no case of the %s part at %s%s%s", e.key, quoted(g.value),
				r.scenario.Parts[i].Kind, r.scenario.Parts[i].at, didYouMean(g.value, known), remedy))
			return nil
		}
		if !anywhere {
			r.fail(wrong(e.value.at, "baseline %s is used by no part: %s", e.key, needs(e.key)))
			return nil
		}
		for i, g := range some {
			if !used[i] {
				r.fail(wrong(g.at, "baseline %s %s is used by no part: every part that has it has one before it in this list; leave it out", e.key, quoted(g.value)))
				return nil
			}
		}
		named = append(named, some...)
	}
	return named
}

// baselineValues reads what a key of the baseline says: a value, or a list of which each part takes the first that it has.
func baselineValues(r *resolver, e entry) []given {
	items := []*node{e.value}
	if e.value.kind == list {
		items = e.value.items
	}
	if len(items) == 0 {
		r.fail(wrong(e.value.at, "baseline %s is an empty list: write at least one value, or leave the key out", e.key))
	}
	var some []given
	for _, item := range items {
		value, _ := read(r, item, "baseline "+e.key, baselineValue(e.key))
		if slices.ContainsFunc(some, func(g given) bool { return g.value == value }) {
			r.fail(wrong(item.at, "baseline %s %s is there twice: keep one", e.key, quoted(value)))
		}
		some = append(some, given{param{name: e.key, value: value}, item.at})
	}
	return some
}

// ofPart is the baseline of a part: of each key the first value that one of its cases has, or, for a key that it hasn't, any.
func ofPart(b []given, cases []results.Case) []given {
	var list []given
	for i, g := range b {
		first := slices.IndexFunc(b, func(o given) bool { return o.name == g.name && slices.Contains(valuesOf(cases, g.name), o.value) })
		if first == i || first < 0 && slices.IndexFunc(b, func(o given) bool { return o.name == g.name }) == i {
			list = append(list, g)
		}
	}
	return list
}

// standardBaseline stands where a scenario names none: the first path and the first pattern, where every part that has
// such a parameter has that value, and where that leaves no doubt about which case is meant.
func standardBaseline(root *node, parts [][]results.Case) []given {
	var list []given
	for _, key := range []string{"path", "pattern"} {
		first, everywhere := "", true
		for _, cases := range parts {
			if known := valuesOf(cases, key); len(known) > 0 {
				if first == "" {
					first = known[0]
				}
				everywhere = everywhere && slices.Contains(known, first)
			}
		}
		if first == "" || !everywhere {
			continue
		}
		g := given{param{name: key, value: first}, root.at}
		sure := true
		for _, cases := range parts {
			sure = sure && link(slices.Clone(cases), append(slices.Clone(list), g)) == nil
		}
		if sure {
			list = append(list, g)
		}
	}
	return list
}

// baselineValue reads a baseline's value in the form that cases have it in.
func baselineValue(key string) func(string) (string, error) {
	return func(text string) (string, error) {
		switch key {
		case "chunk", "block":
			n, err := parseSize(text)
			return FormatSize(n), err
		case "load":
			l, err := parseLoad(text)
			return l.String(), err
		case "sync":
			return parsePolicy(text)
		case "random_share":
			x, err := parseShare(text)
			return formatDecimal(x), err
		case "theta":
			x, err := parseTheta(text)
			return formatDecimal(x), err
		case "rate":
			x, err := parseRate(text)
			return x.String(), err
		case "link":
			return parseLink(text)
		case "so_sndbuf", "so_rcvbuf":
			n, err := parseBuffer(text)
			return formatBuffer(n), err
		}
		if text == "null" {
			return "", fmt.Errorf("is the cost of the tool itself: nothing is compared with it")
		}
		return text, nil
	}
}

// needs says which parts have a parameter.
func needs(key string) string {
	switch key {
	case "load":
		return "only a transfer part with workload fetch has it"
	case "sync_call":
		return "only a write part with a sync policy other than none has it"
	case "pattern", "method", "sync", "block", "depth", "writers", "rate":
		return "only a write part has it"
	}
	for _, k := range patternKeys() {
		if k.key == key {
			return fmt.Sprintf("only a write part with the %s pattern has it", k.pattern)
		}
	}
	return "only a transfer part has it"
}

// valuesOf lists the values that a parameter takes in cases, in their order, without null, which is never compared with.
func valuesOf(cases []results.Case, key string) []string {
	var known []string
	for _, c := range cases {
		if isNull(c) {
			continue
		}
		for _, p := range params(c.Kind, c.Params) {
			if p.name == key && !slices.Contains(known, p.value) {
				known = append(known, p.value)
			}
		}
	}
	return known
}

// link sets the Baseline of each of a part's cases: the case that has the baseline's values and is otherwise the same.
// A parameter that only one of the two has (a draw, a number of files, a sync call) makes no difference between them, so that random
// writes can be compared with appends; it is an error if that leaves several to choose from.
func link(cases []results.Case, b []given) error {
	if len(b) == 0 {
		return nil
	}
	inBaseline := map[string]string{}
	for _, g := range b {
		inBaseline[g.name] = g.value
	}
	optional := map[string]bool{}
	for _, key := range optionalKeys() {
		optional[key] = true
	}
	// Candidates by what must be the same and is always there; among those, few differ in the optional ones.
	candidates := map[string][]int{}
	own := make([]map[string]string, len(cases))
	rest := make([]string, len(cases))
	isBaseline := make([]bool, len(cases))
	anyKey := false
	for i, c := range cases {
		own[i] = map[string]string{}
		isBaseline[i] = true
		var same []string
		for _, p := range params(c.Kind, c.Params) {
			own[i][p.name] = p.value
			want, named := inBaseline[p.name]
			anyKey = anyKey || named
			if named && want != p.value {
				isBaseline[i] = false
			}
			if !named && !optional[p.name] {
				same = append(same, p.value)
			}
		}
		rest[i] = strings.Join(same, ",")
		if isBaseline[i] {
			candidates[rest[i]] = append(candidates[rest[i]], i)
		}
	}
	if !anyKey {
		return nil // a baseline of the other kind's parameters
	}
	for i := range cases {
		if isBaseline[i] || isNull(cases[i]) {
			continue
		}
		partner := -1
		for _, j := range candidates[rest[i]] {
			fits := true
			for key := range optional {
				_, named := inBaseline[key]
				mine, has := own[i][key]
				theirs, have := own[j][key]
				if !named && has && have && mine != theirs {
					fits = false
				}
			}
			if !fits {
				continue
			}
			if partner >= 0 {
				key := differingKey(own[partner], own[j])
				return wrong(b[0].at, "baseline fits several cases for %s: add %s to it (%s or %s)",
					cases[i].ID, key, own[partner][key], own[j][key])
			}
			partner = j
		}
		if partner >= 0 {
			cases[i].Baseline = cases[partner].ID
		}
	}
	return nil
}

// differingKey names an optional parameter in which two cases differ.
func differingKey(a, b map[string]string) string {
	keys := optionalKeys()
	for _, key := range slices.Backward(keys) {
		if a[key] != b[key] {
			return key
		}
	}
	return keys[0]
}

// resolved writes the scenario with every value that is in force, in the format's own keys and order.
func (s *Scenario) resolved() json.RawMessage {
	top := object{{"title", s.Title}, {"question", s.Question}}
	groups := map[results.Kind][]object{}
	var order []results.Kind
	for _, p := range s.Parts {
		if !slices.Contains(order, p.Kind) {
			order = append(order, p.Kind)
		}
		o := p.resolved()
		if s.Search != nil { // says it in place of the chunk
			o = slices.DeleteFunc(o, func(f field) bool { return f.key == "chunk" })
		}
		groups[p.Kind] = append(groups[p.Kind], o)
	}
	for _, kind := range order {
		top = append(top, field{string(kind), groups[kind]})
	}
	if s.Search != nil {
		top = append(top, field{"search", s.Search.resolved()})
	}
	var b object
	for _, key := range BaselineKeys() {
		switch values := s.Baseline[key]; len(values) {
		case 0:
		case 1:
			b = append(b, field{key, values[0]})
		default:
			b = append(b, field{key, values})
		}
	}
	top = append(top, field{"baseline", b})
	if len(s.Modelled) > 0 {
		top = append(top, field{"modelled", modelledWords(s.Modelled)})
	}
	m := s.Measure
	top = append(top,
		field{"measure", object{
			{"time", formatDuration(m.Time)},
			{"blocks", blockRange{m.MinBlocks, m.MaxBlocks}.String()},
			{"budget", formatDuration(m.Budget)},
			{"evidence", formatPasses(m.Evidence)},
		}},
		field{"charts", s.Charts})
	text, err := json.Marshal(top)
	if err != nil { // strings and lists of strings: there is nothing in them that JSON can't say
		return json.RawMessage(`{}`)
	}
	return text
}

func (p Part) resolved() object {
	if t := p.Transfer; t != nil {
		o := object{{"source", t.Source}, {"paths", t.Paths}, {"file", FormatSize(t.FileBytes)}, {"chunk", sizes(t.Chunks)}}
		if t.Source != SourceMemory {
			o = append(o, field{"cache", t.Caches})
		}
		o = append(o, object{
			{"link", t.Links}, {"receiver", t.Receivers}, {"streams", t.Streams}, {"workload", t.Workload}, {"receive_buffer", FormatSize(t.ReceiveBytes)},
			{"so_sndbuf", buffers(t.Sndbufs)}, {"so_rcvbuf", buffers(t.Rcvbufs)}, {"nodelay", t.Nodelays}, {"cork", t.Corks}, {"congestion", t.Congestions},
		}...)
		if t.Workload == WorkloadFetch {
			var loads []string
			for _, l := range t.Loads {
				loads = append(loads, l.String())
			}
			o = append(o, field{"load", loads})
		}
		return o
	}
	w := p.Write
	o := object{{"patterns", w.Patterns}, {"methods", w.Methods}, {"sync", w.Syncs}}
	if len(w.SyncCalls) > 0 {
		o = append(o, field{"sync_call", w.SyncCalls})
	}
	if len(w.Draws) > 0 {
		o = append(o, field{"draw", w.Draws})
	}
	if len(w.RandomShares) > 0 {
		o = append(o, field{"random_share", decimals(w.RandomShares)})
	}
	if len(w.Strides) > 0 {
		o = append(o, field{"stride", w.Strides})
	}
	if len(w.Thetas) > 0 {
		o = append(o, field{"theta", decimals(w.Thetas)})
	}
	if len(w.Files) > 0 {
		o = append(o, field{"files", w.Files})
	}
	var rates []string
	for _, r := range w.Rates {
		rates = append(rates, r.String())
	}
	return append(o, field{"block", sizes(w.Blocks)}, field{"file", FormatSize(w.FileBytes)}, field{"depth", w.Depths},
		field{"writers", w.Writers}, field{"rate", rates}, field{"amount", w.Amount})
}

func decimals(list []float64) []string {
	var words []string
	for _, x := range list {
		words = append(words, formatDecimal(x))
	}
	return words
}

func buffers(list []int64) []string {
	var words []string
	for _, n := range list {
		words = append(words, formatBuffer(n))
	}
	return words
}

func sizes(list []int64) []string {
	var words []string
	for _, n := range list {
		words = append(words, FormatSize(n))
	}
	return words
}

// object is a JSON object that keeps its order.
type object []field

type field struct {
	key   string
	value any
}

// MarshalJSON writes the fields in their order.
func (o object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, f := range o {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := json.Marshal(f.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", f.key, err)
		}
		b = append(append(append(b, key...), ':'), value...)
	}
	return append(b, '}'), nil
}
