package scenarios

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// setting is one --set.
type setting struct {
	group string // transfer, write, search, measure, baseline; empty for the keys of the scenario itself
	key   string
	value *node
}

// Set changes fields of the scenario, each "KEY=VALUE" with the key as in the file, dots between the levels, and commas
// between the values of a list: "transfer.chunk=4KiB,64KiB". A key of transfer or write is set in every part of that
// kind that has a use for it. The values are checked as those of a file are, and taken as they are at every effort.
// Where anything is wrong nothing changes, and the error is a *UsageError.
func (s *Scenario) Set(assignments []string) error {
	sets := slices.Clone(s.sets)
	fresh := map[string]bool{}
	for _, text := range assignments {
		a, err := parseSetting(text)
		if err != nil {
			return err
		}
		name := a.group + "." + a.key
		if fresh[name] {
			return wrong(a.value.at, "%s is set twice: keep one; a list is written with commas", strings.TrimPrefix(name, "."))
		}
		fresh[name] = true
		if (a.group == "transfer" || a.group == "write") && !slices.ContainsFunc(s.Parts, func(p Part) bool { return string(p.Kind) == a.group }) {
			return wrong(a.value.at, "this scenario has no %s part", a.group)
		}
		sets = slices.DeleteFunc(sets, func(old setting) bool { return old.group == a.group && old.key == a.key })
		sets = append(sets, a)
	}
	return s.change(sets, s.Effort)
}

// groupKeys lists the keys that --set knows in a group; nil for a group that isn't one.
func groupKeys(group string) []string {
	switch group {
	case "":
		return []string{"title", "question", "modelled", "charts"}
	case "transfer":
		return transferKeys()
	case "write":
		return writeKeys()
	case "search":
		return searchKeys()
	case "measure":
		return measureKeys()
	case "baseline":
		return BaselineKeys()
	}
	return nil
}

// settable lists every key that --set knows, dotted.
func settable() []string {
	var keys []string
	for _, group := range []string{"transfer", "write", "search", "measure", "baseline"} {
		for _, key := range groupKeys(group) {
			keys = append(keys, group+"."+key)
		}
	}
	return append(keys, groupKeys("")...)
}

func parseSetting(text string) (setting, error) {
	at := "--set " + printable(text)
	name, value, ok := strings.Cut(text, "=")
	name = strings.TrimSpace(name)
	if !ok || name == "" {
		return setting{}, wrong(at, "is not an assignment: write KEY=VALUE, such as transfer.chunk=64KiB")
	}
	if !slices.Contains(settable(), name) {
		return setting{}, wrong(at, "unknown key %s%s", quoted(name), nearestKey(name))
	}
	a := setting{key: name}
	if group, key, dotted := strings.Cut(name, "."); dotted {
		a.group, a.key = group, key
	}
	value = strings.TrimSpace(value)
	if value == "" {
		return setting{}, wrong(at, "%s has no value: write one after the =", name)
	}
	if name == "title" || name == "question" {
		a.value = &node{at: at, text: value, set: true}
		return a, nil
	}
	// Brackets as in the file are welcome; in a shell they need quotes.
	inner, bracketed := strings.CutPrefix(value, "[")
	if bracketed {
		inner, ok = strings.CutSuffix(inner, "]")
		if !ok {
			return setting{}, wrong(at, "%s has a [ without its ]: commas alone make a list", name)
		}
	}
	if !bracketed && !strings.Contains(inner, ",") {
		a.value = &node{at: at, text: inner, set: true}
		return a, nil
	}
	a.value = &node{at: at, kind: list, set: true}
	for item := range strings.SplitSeq(inner, ",") {
		if item = strings.TrimSpace(item); item == "" {
			return setting{}, wrong(at, "%s has an empty value in its list: write values with one comma between them", name)
		}
		a.value.items = append(a.value.items, &node{at: at, text: item, set: true})
	}
	return a, nil
}

// nearestKey helps with a key that --set doesn't know: with a nearer one, or with the keys of its group.
func nearestKey(name string) string {
	group, key, dotted := strings.Cut(name, ".")
	if dotted {
		if keys := groupKeys(group); group != "" && keys != nil {
			if near := Nearest(key, keys); near != "" {
				return ": did you mean " + quoted(group+"."+near) + "?"
			}
			return didYouMean(key, keys)
		}
	} else {
		if keys := groupKeys(name); keys != nil {
			return ": it is a group; set one of its keys, such as " + name + "." + keys[0]
		}
		// A key without its group.
		for _, k := range settable() {
			if strings.HasSuffix(k, "."+name) {
				return ": did you mean " + quoted(k) + "?"
			}
		}
	}
	if near := Nearest(name, settable()); near != "" {
		return ": did you mean " + quoted(near) + "?"
	}
	return ": keys are written as in the file with a dot between the levels, such as transfer.chunk or measure.time"
}

// withSets is a copy of the tree with the assignments put in.
func withSets(root *node, sets []setting) *node {
	fresh := *root
	fresh.keys = slices.Clone(root.keys)
	for _, a := range sets {
		if a.group == "" {
			fresh.put(a.key, a.value)
			continue
		}
		old := fresh.get(a.group)
		switch {
		case old == nil:
			old = &node{at: a.value.at, kind: mapping}
			fallthrough
		case old.kind == mapping:
			part := *old
			part.keys = slices.Clone(old.keys)
			part.put(a.key, a.value)
			fresh.put(a.group, &part)
		case old.kind == list:
			parts := *old
			parts.items = nil
			for _, p := range old.items {
				part := *p
				part.keys = slices.Clone(p.keys)
				part.put(a.key, a.value)
				parts.items = append(parts.items, &part)
			}
			fresh.put(a.group, &parts)
		}
	}
	return &fresh
}

// put gives a mapping's key a value, in its old place if it has one. The slice of keys must be the mapping's own.
func (n *node) put(key string, value *node) {
	for i := range n.keys {
		if n.keys[i].key == key {
			n.keys[i].value = value
			return
		}
	}
	n.keys = append(n.keys, entry{key: key, at: value.at, value: value})
}

// printable is a user's argument for an error, cut where it is long and escaped where a terminal would obey it.
func printable(text string) string {
	const longest = 80
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}
