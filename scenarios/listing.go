package scenarios

import (
	"fmt"
	"slices"

	"copylab/copypaths"
	"copylab/copypaths/receivers"
	"copylab/diskwrite"
	"copylab/internal/kernel"
	"copylab/results"
	"copylab/results/host"
	"copylab/scenarios/links"
)

// Item is one thing that a scenario can name, and whether it works on this machine.
type Item struct {
	ID     string       `json:"id"`
	Title  string       `json:"title"`
	Source string       `json:"source,omitempty"` // of a path: file, memory
	Key    string       `json:"key,omitempty"`    // of a pattern: what a write part gives to it alone
	Status kernel.State `json:"status"`           // available, unavailable, unknown
	Reason string       `json:"reason"`           // empty where it is available
}

// Listing is everything that a scenario can name. A nil group was not asked for.
type Listing struct {
	Schema       int    `json:"schema"`
	Scenarios    []Item `json:"scenarios,omitempty"`
	Paths        []Item `json:"paths,omitempty"`
	Receivers    []Item `json:"receivers,omitempty"`
	Links        []Item `json:"links,omitempty"`
	Methods      []Item `json:"write_methods,omitempty"`
	Patterns     []Item `json:"patterns,omitempty"`
	Draws        []Item `json:"draws,omitempty"`
	SyncPolicies []Item `json:"sync_policies,omitempty"`
	SyncCalls    []Item `json:"sync_calls,omitempty"`
}

// Groups are the words that select a part of a Listing.
func Groups() []string { return []string{"scenarios", "paths", "receivers", "links", "writes"} }

// List probes what group names on this machine, "" meaning everything. Write methods, and paths that read past the page
// cache, are tried in dir, on an unnamed file that is gone afterwards.
func List(group, dir string) (Listing, error) {
	l := Listing{Schema: results.Schema}
	if group != "" && !slices.Contains(Groups(), group) {
		return l, &UsageError{fmt.Errorf("list %s: unknown group%s", group, didYouMean(group, Groups()))}
	}
	want := func(g string) bool { return group == "" || group == g }
	if want("paths") || want("scenarios") {
		for _, p := range copypaths.Catalogue() {
			i := item(p.ID, p.Title, p.ProbeIn(dir))
			i.Source = string(p.Source)
			l.Paths = append(l.Paths, i)
		}
	}
	if want("receivers") || want("scenarios") {
		for _, r := range receivers.Catalogue() {
			l.Receivers = append(l.Receivers, item(r.ID, r.Title, r.Probe()))
		}
	}
	if want("links") || want("scenarios") {
		for _, k := range links.Kinds() {
			l.Links = append(l.Links, item(string(k.ID), k.Title, links.Probe(k.ID)))
		}
	}
	if want("writes") || want("scenarios") {
		for _, m := range diskwrite.Methods() {
			l.Methods = append(l.Methods, item(m.ID, m.Title, m.Probe(dir)))
		}
	}
	if want("writes") {
		for _, p := range diskwrite.Patterns() {
			i := item(string(p.ID), p.Title, p.Probe(dir))
			i.Key = keyOf(p.ID)
			l.Patterns = append(l.Patterns, i)
		}
		for _, d := range diskwrite.Draws() {
			l.Draws = append(l.Draws, item(string(d.ID), d.Title, kernel.Available()))
		}
		for _, p := range diskwrite.Policies() {
			l.SyncPolicies = append(l.SyncPolicies, item(string(p.ID), p.Title, kernel.Available()))
		}
		for _, c := range diskwrite.SyncCalls() {
			title := string(c) + "(2)"
			if c == diskwrite.Fullfsync {
				title = "fcntl(2) with F_FULLFSYNC"
			}
			if durable, why := c.Durable(); !durable {
				title = "not durable: " + why
			}
			l.SyncCalls = append(l.SyncCalls, item(string(c), title, c.Status()))
		}
	}
	if want("scenarios") {
		var err error
		if l.Scenarios, err = listScenarios(l, dir); err != nil {
			return l, err
		}
		if group == "scenarios" {
			l.Paths, l.Receivers, l.Links, l.Methods = nil, nil, nil, nil // were only needed to tell
		}
	}
	return l, nil
}

func item(id, title string, s kernel.Status) Item {
	return Item{ID: id, Title: title, Status: s.State, Reason: s.Reason}
}

// listScenarios tells of each scenario whether at least one of its cases can be measured.
func listScenarios(l Listing, dir string) ([]Item, error) {
	cold, coldWhy := host.CanDrop(dir)
	var items []Item
	for _, id := range LibraryIDs() {
		s, err := Load(id)
		if err != nil {
			return nil, err
		}
		cases := s.Cases()
		out, why := 0, ""
		for _, c := range cases {
			reason := firstUnavailable(l, c)
			if reason == "" && c.Params.Cache == "cold" && !cold {
				reason = coldWhy
			}
			if reason != "" {
				out++
				why = reason
			}
		}
		status := kernel.Available()
		switch {
		case out == len(cases):
			status = kernel.Unavailable("%s", why)
		case out > 0:
			be := "are"
			if out == 1 {
				be = "is"
			}
			status.Reason = fmt.Sprintf("%d of its %d cases %s unavailable: %s", out, len(cases), be, why)
		}
		items = append(items, item(id, s.Title, status))
	}
	return items, nil
}

func firstUnavailable(l Listing, c results.Case) string {
	for _, look := range []struct {
		items []Item
		id    string
	}{{l.Paths, c.Params.Path}, {l.Receivers, c.Params.Receiver}, {l.Links, c.Params.Link}, {l.Methods, c.Params.Method}} {
		for _, i := range look.items {
			if i.ID == look.id && (i.Source == "" || i.Source == c.Params.Source) && i.Status == kernel.StateUnavailable {
				return i.Reason
			}
		}
	}
	return ""
}
