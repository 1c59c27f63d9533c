package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"copylab/results"
)

// group is what one table or chart can hold: the cases of one part of a scenario that were measured in the same way.
type group struct {
	Name     string // title, and what tells it from the other groups of that title: "Writes, dsync"
	Apart    string // the end of Name where groups would have one name: the methods, say, of this one
	Part     int
	Kind     results.Kind
	Workload string // stream or fetch; empty for writes
	Cases    []*results.CaseSummary
	Pairs    []pair         // the comparisons between the cases, in the order of the summary
	Links    []results.Link // of the run
	Searched bool           // the run was a search: its plan holds more cases than it means to measure
	Needless int            // cases that a search never asked for; they are not among Cases
}

// pair is everything that was compared between a case and its baseline.
type pair struct {
	Case, Baseline *results.CaseSummary
	Comparisons    []results.Comparison
}

// find returns the pair's comparison of a metric.
func (p pair) find(metric string) (results.Comparison, bool) {
	for _, c := range p.Comparisons {
		if c.Metric == metric {
			return c, true
		}
	}
	return results.Comparison{}, false
}

// headline says whether a run may stop only when this pair is precise.
func (p pair) headline() bool {
	return slices.ContainsFunc(p.Comparisons, func(c results.Comparison) bool { return c.Headline })
}

// groups sorts a summary's cases and comparisons into groups, in the order of the summary. Of cases that were not needed
// a group has only the number.
func groups(s *results.Summary) []group {
	var out []group
	byID := map[string]*results.CaseSummary{}
	home := map[string]int{}
	for i := range s.Cases {
		c := &s.Cases[i]
		workload := c.Params.Workload
		if c.Kind == results.Transfer && workload == "" {
			workload = "stream"
		}
		at := slices.IndexFunc(out, func(g group) bool {
			return g.Part == c.Part && g.Kind == c.Kind && g.Workload == workload
		})
		if at < 0 {
			at = len(out)
			out = append(out, group{Part: c.Part, Kind: c.Kind, Workload: workload, Links: s.Run.Links, Searched: len(s.Crossovers) > 0})
		}
		if c.Status == results.CaseNotNeeded {
			out[at].Needless++
			continue
		}
		out[at].Cases = append(out[at].Cases, c)
		byID[c.ID], home[c.ID] = c, at
	}
	for _, compared := range s.Comparisons {
		c, b := byID[compared.Case], byID[compared.Baseline]
		if c == nil || b == nil || compared.Pairs < 1 || c.Status != results.CaseMeasured || b.Status != results.CaseMeasured {
			continue // nothing is said of a comparison whose cases have no numbers of their own, or failed at some time
		}
		g := &out[home[compared.Case]]
		at := slices.IndexFunc(g.Pairs, func(p pair) bool { return p.Case == c && p.Baseline == b })
		if at < 0 {
			at = len(g.Pairs)
			g.Pairs = append(g.Pairs, pair{Case: c, Baseline: b})
		}
		g.Pairs[at].Comparisons = append(g.Pairs[at].Comparisons, compared)
	}
	out = slices.DeleteFunc(out, func(g group) bool { return len(g.Cases) == 0 })
	nameGroups(out)
	return out
}

// nameGroups gives each group its title, with what its cases share and those of a namesake don't.
func nameGroups(all []group) {
	for i := range all {
		g := &all[i]
		g.Name = g.title()
		memory := fromMemory(g.Cases[0].Params)
		sources := slices.ContainsFunc(all, func(o group) bool { return o.title() == g.title() && fromMemory(o.Cases[0].Params) != memory })
		if sources && !memory {
			g.Name += ", from a file"
		}
		for _, d := range dimensions() {
			if sources && (d.name == "cache" || d.name == "file") {
				continue // the source says enough
			}
			own, ok := shared(g.Cases, d)
			if !ok || own == "" || d.name == "sync" && durableMethod(g.Cases[0].Params) {
				continue
			}
			for j := range all {
				if other, ok := shared(all[j].Cases, d); j != i && all[j].title() == g.title() && (!ok || other != own) {
					g.Name += ", " + own
					break
				}
			}
		}
	}
	setApart(all)
}

// setApart tells groups of one name apart by what they have of the first dimension in which they differ: "Writes, buffered, direct and
// dsync", or "Writes, direct-dsync and 4 other methods" where those are many.
func setApart(all []group) {
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	for i := range all {
		g := &all[i]
		for _, name := range []string{"method", "pattern", "path", "sync", "link", "chunk", "block"} {
			own := valuesOf(g.Cases, name)
			namesake, alike := false, false
			for j := range all {
				if j != i && names[j] == names[i] {
					namesake = true
					alike = alike || slices.Equal(valuesOf(all[j].Cases, name), own)
				}
			}
			if !namesake || alike {
				continue
			}
			if g.Apart = joinWords(own); len(own) > 3 {
				noun := map[bool]string{true: "others", false: "other " + name + "s"}[name == "sync"]
				g.Apart = fmt.Sprintf("%s and %d %s", own[0], len(own)-1, noun)
			}
			g.Name += ", " + g.Apart
			break
		}
	}
}

// plainName is the group's name without what only tells it from groups of that name.
func (g group) plainName() string {
	if g.Apart == "" {
		return g.Name
	}
	return strings.TrimSuffix(g.Name, ", "+g.Apart)
}

// valuesOf lists what a dimension says of cases, each once.
func valuesOf(cases []*results.CaseSummary, name string) []string {
	var out []string
	for _, d := range dimensions() {
		for _, c := range cases {
			if v := d.words(c.Params); d.name == name && v != "" && !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	return out
}

// shared is what a dimension says of all of some cases; false where they differ.
func shared(cases []*results.CaseSummary, d dimension) (string, bool) {
	for _, c := range cases[1:] {
		if d.of(c.Params) != d.of(cases[0].Params) {
			return "", false
		}
	}
	return d.of(cases[0].Params), true
}

// caseNames names each case, by ID, for lists that go across groups: its label, with its group where there are several.
func caseNames(s *results.Summary) map[string]string {
	all := groups(s)
	out := map[string]string{}
	times := map[string]int{} // that a label occurs
	for _, g := range all {
		for _, c := range g.Cases {
			times[label(c)]++
		}
	}
	for _, g := range all {
		for _, c := range g.Cases {
			out[c.ID] = label(c)
			if len(all) > 1 && (g.Apart == "" || times[label(c)] > 1) { // what sets such a group apart, the labels say too
				out[c.ID] += " (" + strings.ToLower(g.Name[:1]) + g.Name[1:] + ")"
			}
		}
	}
	return out
}

// measured returns the cases that have numbers.
func (g group) measured() []*results.CaseSummary {
	var out []*results.CaseSummary
	for _, c := range g.Cases {
		if c.Status == results.CaseMeasured {
			out = append(out, c)
		}
	}
	return out
}

// baselines returns how the group's baselines are to be called in a heading: by name where there is one name, else
// "baseline".
func (g group) baselines() string {
	name := ""
	for _, p := range g.Pairs {
		own := p.Baseline.Params.Path
		if g.Kind == results.Write {
			own = p.Baseline.Params.Pattern
			if p.Case.Params.Pattern == own {
				own = "baseline"
			}
		} else if p.Case.Params.Path == own {
			own = "baseline"
		}
		switch name {
		case "", own:
			name = own
		default:
			return "baseline"
		}
	}
	return name
}

// title names the group in a heading.
func (g group) title() string {
	switch {
	case g.Kind == results.Write:
		return "Writes"
	case g.Workload == "fetch":
		return "Fetches"
	}
	return "Transfers"
}

// slug names the group in a chart's file name.
func (g group) slug() string {
	switch {
	case g.Kind == results.Write:
		return "writes"
	case g.Workload == "fetch":
		return "fetches"
	}
	return "transfers"
}

// A dimension is one parameter of a case in words.
type dimension struct {
	name string
	of   func(results.Params) string // "" where the parameter does not apply
	// unset is what is said of a case that leaves the parameter to its default, where others don't.
	unset string
}

// words is what the dimension says of a case that is set against another one.
func (d dimension) words(p results.Params) string { return cmp.Or(d.of(p), d.unset) }

// fromMemory says whether a case sends messages from memory and no file.
func fromMemory(p results.Params) bool { return p.Source == "memory" }

// linkWords is a link with its options, as a scenario writes it: "veth rate=1Gbit".
func linkWords(p results.Params) string { return strings.TrimSpace(p.Link + " " + p.LinkOptions) }

// dimensions lists the parameters that can tell cases apart, in the order in which they are named.
func dimensions() []dimension {
	return []dimension{
		{name: "path", of: func(p results.Params) string { return p.Path }},
		{name: "pattern", of: func(p results.Params) string { return p.Pattern }},
		{name: "method", of: func(p results.Params) string { return p.Method }},
		{name: "sync", of: syncWords},
		{name: "chunk", of: func(p results.Params) string {
			if p.ChunkBytes == 0 {
				return ""
			}
			return formatBytes(p.ChunkBytes) + " chunks"
		}},
		{name: "block", of: func(p results.Params) string {
			if p.BlockBytes == 0 {
				return ""
			}
			return formatBytes(p.BlockBytes) + " blocks"
		}},
		{name: "cache", of: func(p results.Params) string {
			if p.Cache == "" {
				return ""
			}
			return p.Cache + " cache"
		}},
		{name: "source", of: func(p results.Params) string {
			if fromMemory(p) {
				return "messages from memory"
			}
			return ""
		}},
		{name: "link", of: linkWords},
		{name: "receiver", of: func(p results.Params) string {
			if p.Receiver == "" {
				return ""
			}
			return "receiver " + p.Receiver
		}},
		{name: "streams", of: func(p results.Params) string {
			if p.Streams == 0 {
				return ""
			}
			return plural(p.Streams, "stream")
		}},
		{name: "sndbuf", unset: "an automatic send buffer", of: func(p results.Params) string {
			if p.SoSndbufBytes == 0 {
				return ""
			}
			return "a send buffer of " + formatBytes(p.SoSndbufBytes)
		}},
		{name: "rcvbuf", unset: "an automatic receive buffer", of: func(p results.Params) string {
			if p.SoRcvbufBytes == 0 {
				return ""
			}
			return "a receive buffer of " + formatBytes(p.SoRcvbufBytes)
		}},
		{name: "nodelay", unset: "TCP_NODELAY on", of: func(p results.Params) string { return switched("TCP_NODELAY", p.Nodelay) }},
		{name: "cork", unset: "TCP_CORK off", of: func(p results.Params) string { return switched("TCP_CORK", p.Cork) }},
		{name: "congestion", unset: "the default congestion control", of: func(p results.Params) string {
			if p.Congestion == "" {
				return ""
			}
			return p.Congestion + " congestion control"
		}},
		{name: "loop", of: func(p results.Params) string {
			switch p.Loop {
			case "":
				return ""
			case "open":
				return fmt.Sprintf("open loop at %s of the closed-loop rate", formatShare(p.LoadShare))
			}
			return p.Loop + " loop"
		}},
		{name: "draw", of: func(p results.Params) string { return p.Draw }},
		{name: "mix", of: func(p results.Params) string {
			if p.RandomShare == 0 {
				return ""
			}
			return formatShare(p.RandomShare) + " random"
		}},
		{name: "stride", of: func(p results.Params) string {
			if p.StrideBlocks == 0 {
				return ""
			}
			return "stride " + formatCount(p.StrideBlocks)
		}},
		{name: "theta", of: func(p results.Params) string {
			if p.Theta == 0 {
				return ""
			}
			return "theta " + plainNumber(p.Theta)
		}},
		{name: "files", of: func(p results.Params) string {
			if p.Files == 0 {
				return ""
			}
			return plural(p.Files, "log")
		}},
		{name: "writers", unset: "1 writer", of: func(p results.Params) string {
			if p.Writers == 0 {
				return ""
			}
			return plural(p.Writers, "writer")
		}},
		{name: "rate", unset: "a closed loop", of: func(p results.Params) string {
			if p.RatePerSecond == 0 {
				return ""
			}
			return "an open loop of " + plainNumber(p.RatePerSecond) + " writes/s"
		}},
		{name: "depth", of: func(p results.Params) string {
			if p.Depth == 0 {
				return ""
			}
			return "depth " + strconv.Itoa(p.Depth)
		}},
		{name: "file", of: func(p results.Params) string {
			if p.FileBytes == 0 {
				return ""
			}
			if fromMemory(p) {
				return formatBytes(p.FileBytes) + " in memory"
			}
			return formatBytes(p.FileBytes) + " file"
		}},
	}
}

// switched writes a socket's switch: "TCP_CORK on".
func switched(name, state string) string {
	if state == "" {
		return ""
	}
	return name + " " + state
}

// syncWords says when a write case makes its data durable.
func syncWords(p results.Params) string {
	call := p.SyncCall
	if call == "" {
		call = "sync"
	}
	switch n, every := strings.CutPrefix(p.Sync, "every="); {
	case p.Sync == "":
		return ""
	case p.Sync == "none":
		return "without a sync"
	case p.Sync == "end":
		return "with one " + call + " at the end"
	case every && n == "1":
		return "with " + call + " after every write"
	case every:
		return "with " + call + " after every " + n + " writes"
	case p.Sync == "group":
		return "with group commit by " + call
	case strings.HasPrefix(p.Sync, "interval="):
		return "with " + call + " every " + strings.TrimPrefix(p.Sync, "interval=")
	}
	return "sync " + p.Sync
}

// ofPattern says whether a dimension is a parameter of a write's pattern, which the pattern's noun names.
func ofPattern(dimension string) bool {
	switch dimension {
	case "mix", "stride", "theta", "files":
		return true
	}
	return false
}

// varying tells which dimensions differ between some cases. Of a draw it speaks only where random cases differ.
func varying(cases []*results.CaseSummary) map[string]bool {
	out := map[string]bool{}
	for _, d := range dimensions() {
		seen := map[string]bool{}
		for _, c := range cases {
			v := d.of(c.Params)
			if d.name == "draw" && v == "" {
				continue
			}
			seen[v] = true
		}
		out[d.name] = len(seen) > 1
	}
	return out
}

// common lists, in words, what all of some cases share.
func common(cases []*results.CaseSummary) []string {
	if len(cases) == 0 {
		return nil
	}
	vary := varying(cases)
	if durableMethod(cases[0].Params) {
		vary["sync"] = true // "without a sync" would be true, and mislead
	}
	var out []string
	for _, d := range dimensions() {
		if v := d.of(cases[0].Params); v != "" && !vary[d.name] {
			out = append(out, v)
		}
	}
	return out
}

// label is a case's name in tables and charts.
func label(c *results.CaseSummary) string {
	if c.Label != "" {
		return c.Label
	}
	return c.ID
}

// phrase is a noun phrase of a sentence, with its grammatical number.
type phrase struct {
	text   string
	plural bool
}

// verb picks the form of a regular verb, given in the singular: "moves" or "move".
func (p phrase) verb(singular string) string {
	if !p.plural {
		return singular
	}
	switch {
	case singular == "has":
		return "have"
	case strings.HasSuffix(singular, "ches"):
		return strings.TrimSuffix(singular, "es")
	}
	return strings.TrimSuffix(singular, "s")
}

// contrast names a case and its baseline by what tells them apart, and lists what they share though it differs
// elsewhere in the group.
func contrast(g group, p pair) (subject, object phrase, conditions []string) {
	differs := map[string]bool{}
	vary := varying(g.measured())
	for _, d := range dimensions() {
		a, b := d.of(p.Case.Params), d.of(p.Baseline.Params)
		differs[d.name] = a != b && (d.name != "draw" || a != "" && b != "")
		if a == "" && vary[d.name] {
			a = d.unset
		}
		alwaysSaid := g.Kind == results.Write && (d.name == "method" || d.name == "sync" && !durableMethod(p.Case.Params))
		if d.name == "sync" && durableMethod(p.Case.Params) {
			continue // "without a sync" would be true, and mislead
		}
		if v := a; v != "" && !differs[d.name] && (vary[d.name] || alwaysSaid) && d.name != "path" && d.name != "pattern" && !ofPattern(d.name) {
			conditions = append(conditions, condition(d.name, v))
		}
	}
	if g.Kind == results.Write {
		return writePhrase(p.Case.Params, differs), writePhrase(p.Baseline.Params, differs), conditions
	}
	return transferPhrase(p.Case.Params, differs), transferPhrase(p.Baseline.Params, differs), conditions
}

// durableMethod says whether a write that has returned is durable, so that a sync policy of none is not all that there is.
func durableMethod(p results.Params) bool {
	return strings.Contains(p.Method, "dsync") && p.Sync == "none"
}

// condition puts a parameter's words behind a preposition: "with a warm cache", "in an open loop at 50 % …".
func condition(dimension, words string) string {
	switch {
	case strings.HasPrefix(words, "with"), words == "buffered":
		return words
	case words == "direct":
		return "with O_DIRECT"
	case words == "dsync":
		return "with O_DSYNC"
	case words == "direct-dsync":
		return "with O_DIRECT and O_DSYNC"
	case words == "mmap":
		return "through a mapping"
	case words == "uring":
		return "through io_uring"
	case words == "uring-direct":
		return "through io_uring with O_DIRECT"
	case words == "dontcache":
		return "with RWF_DONTCACHE"
	case words == "vectored":
		return "with pwritev"
	case dimension == "rate":
		return "in " + words
	case dimension == "link":
		return "over " + words
	case dimension == "source":
		return words
	case dimension == "loop" && strings.HasPrefix(words, "open"):
		return "in an " + words
	case dimension == "loop":
		return "in a " + words
	case dimension == "file" && strings.HasSuffix(words, "memory"):
		return "with " + words
	case dimension == "cache", dimension == "file":
		return "with a " + words
	}
	return "with " + words
}

// transferPhrase names a transfer by its path, and by whatever else differs.
func transferPhrase(p results.Params, differs map[string]bool) phrase {
	var rest []string
	for _, d := range dimensions() {
		if v := d.words(p); differs[d.name] && d.name != "path" && v != "" {
			rest = append(rest, condition(d.name, v))
		}
	}
	text := p.Path
	if len(rest) > 0 {
		text += " " + joinWords(rest)
	}
	return phrase{text: text}
}

// writePhrase names writes by their pattern, and by whatever else differs.
func writePhrase(p results.Params, differs map[string]bool) phrase {
	noun := patternNoun(p)
	if differs["method"] {
		noun = p.Method + " " + noun
	}
	var rest []string
	for _, d := range dimensions() {
		v := d.words(p)
		if !differs[d.name] || v == "" || d.name == "pattern" || d.name == "method" || ofPattern(d.name) {
			continue
		}
		rest = append(rest, condition(d.name, v))
	}
	if len(rest) > 0 {
		noun += " " + strings.Join(rest, " ")
	}
	return phrase{text: noun, plural: true}
}

// patternNoun names the writes of a pattern, with its parameter.
func patternNoun(p results.Params) string {
	switch p.Pattern {
	case "append":
		return "appends"
	case "overwrite":
		return "overwrites"
	case "append-fallocated":
		return "appends into fallocated blocks"
	case "random-append-mix":
		return "appends and random writes (" + formatShare(p.RandomShare) + " random)"
	case "strided":
		return "strided writes (stride " + formatCount(p.StrideBlocks) + ")"
	case "zipf":
		return "zipf writes (theta " + plainNumber(p.Theta) + ")"
	case "many-logs":
		return "appends to " + plural(p.Files, "log")
	}
	return p.Pattern + " writes"
}

// writeSubject names a case's writes by method and pattern, and by whatever else tells them apart in their group: "buffered
// appends with one fdatasync at the end".
func writeSubject(g group, c *results.CaseSummary) phrase {
	differs := varying(g.measured())
	differs["method"] = true
	if durableMethod(c.Params) {
		differs["sync"] = false // "without a sync" would be true, and mislead
	}
	return writePhrase(c.Params, differs)
}

// oneWrite is writeSubject in the singular, with its size: "4 KiB dsync append".
func oneWrite(g group, c *results.CaseSummary) string {
	differs := varying(g.measured())
	differs["method"], differs["block"] = true, false
	if durableMethod(c.Params) {
		differs["sync"] = false
	}
	text := writePhrase(c.Params, differs).text
	for _, noun := range []string{"appends", "overwrites", "writes"} { // the first noun is the one that is counted
		if before, after, ok := strings.Cut(text, noun); ok {
			text = before + strings.TrimSuffix(noun, "s") + after
			break
		}
	}
	return formatBytes(c.Params.BlockBytes) + " " + text
}
