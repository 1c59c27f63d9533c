package main

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"copylab/copypaths"
	"copylab/copypaths/receivers"
	"copylab/results/diagram"
	"copylab/scenarios/links"
)

// Every path and every receiver has a diagram, in the catalogue's order, and every diagram is of one; and where the catalogue knows a
// path's system calls, the diagram has the same.
func TestDiagramsAreOfTheCatalogues(t *testing.T) {
	var drawn, listed []string
	for _, p := range diagram.Paths() {
		drawn = append(drawn, p.Source+"/"+p.ID)
	}
	for _, p := range copypaths.Catalogue() {
		listed = append(listed, string(p.Source)+"/"+p.ID)
		d, found := diagram.PathOf(string(p.Source), p.ID)
		if !found {
			t.Errorf("path %s %s has no diagram", p.Source, p.ID)
			continue
		}
		if d.TLS != p.TLS {
			t.Errorf("path %s: TLS is %v, in its diagram %v", p.ID, p.TLS, d.TLS)
		}
		if len(p.Syscalls) == 0 && p.Connection != copypaths.GoConn && len(d.Calls) > 0 {
			t.Errorf("path %s makes no calls, its diagram %v", p.ID, d.Calls)
		}
		if len(p.Syscalls) == 0 {
			continue
		}
		var calls []string
		for _, c := range d.Calls {
			calls = append(calls, c.Name)
		}
		if !slices.Equal(calls, p.Syscalls) {
			t.Errorf("path %s makes %v, its diagram %v", p.ID, p.Syscalls, calls)
		}
	}
	if !slices.Equal(drawn, listed) {
		t.Errorf("there are diagrams of %v, want %v", drawn, listed)
	}
	drawn, listed = receiverIDs(), nil
	for _, r := range receivers.Catalogue() {
		listed = append(listed, r.ID)
		d, _ := diagram.ReceiverOf(r.ID)
		for _, p := range diagram.Paths() {
			if p.TLS && d.Takes(p) != r.TLS {
				t.Errorf("receiver %s decrypts: %v, in its diagram %v", r.ID, r.TLS, d.Takes(p))
			}
		}
	}
	if !slices.Equal(drawn, listed) {
		t.Errorf("there are diagrams of %v, want %v", drawn, listed)
	}
	// A run's links are drawn by these names; a remote one is a card's.
	for _, k := range links.Kinds() {
		if k.ID != links.Remote && !slices.Contains(diagram.Links(), diagram.Link(k.ID)) {
			t.Errorf("no diagram knows the link %s", k.ID)
		}
	}
}

// Every path can be explained, and no two alike.
func TestExplainEveryPath(t *testing.T) {
	said := map[string]string{}
	for _, p := range diagram.Paths() {
		args := []string{"explain", p.ID}
		if p.Source != "" {
			args = append(args, "--source", p.Source)
		}
		var out, errs strings.Builder
		if code := execute(t.Context(), args, strings.NewReader(""), &out, &errs); code != exitDone || errs.Len() > 0 {
			t.Errorf("exit code %d of %v: %s", code, args, errs.String())
		}
		name := p.Source + "/" + p.ID
		if other := said[out.String()]; other != "" || out.Len() == 0 {
			t.Errorf("%s is explained as %q is", name, other)
		}
		said[out.String()] = name
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > defaultWidth {
				t.Errorf("%s: a line of %d columns: %s", name, n, line)
			}
		}
	}
}

// A link is asked for by theory's name, or by that of a run, whose options have one order.
func TestExplainLinkNames(t *testing.T) {
	for _, c := range []struct {
		run, link string
		drawn     diagram.Link
		named     string
		wrong     bool
	}{
		{"", "", "", "", false},
		{"", "veth", diagram.Veth, "veth", false},
		{"", "veth csum=off rate=1Gbit", diagram.VethWithoutChecksums, "veth rate=1Gbit csum=off", false},
		{"", "veth csum=off sg=off", diagram.VethWithoutSG, "veth sg=off csum=off", false},
		{"", "veth tso=off", diagram.Veth, "veth tso=off", false},
		{"run", "remote", diagram.NIC, "remote", false},
		{"", "remote", "", "", true},
		{"run", "nic sg=off", "", "", true},
		{"run", "veth sg=of", "", "", true},
	} {
		drawn, named, err := explainOptions{run: c.run, link: c.link}.drawnLink()
		if (err != nil) != c.wrong || err == nil && (drawn != c.drawn || named != c.named) {
			t.Errorf("--link %q: %q, %q, %v; want %q, %q", c.link, drawn, named, err, c.drawn, c.named)
		}
	}
}
