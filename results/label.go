package results

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Labels gives each case the words that tell it from the others of its part: the parameters that vary there, or the path
// or method where none does.
func Labels(cases []Case) map[string]string {
	parts := map[int][]Case{}
	for _, c := range cases {
		parts[c.Part] = append(parts[c.Part], c)
	}
	out := map[string]string{}
	for _, c := range cases {
		out[c.ID] = label(c, parts[c.Part])
	}
	return out
}

// labelWord is one parameter as people say it. Tight words stand together without a comma: "sendfile 64 KiB".
type labelWord struct {
	tight bool
	text  func(Params) string
}

func label(c Case, part []Case) string {
	words := transferWords()
	if c.Kind == Write {
		words = writeWords()
	}
	out := ""
	for _, w := range words {
		// A parameter that some cases don't have, such as the sync call of those that never sync, tells nothing by that.
		text, varies := w.text(c.Params), false
		for _, other := range part {
			theirs := w.text(other.Params)
			varies = varies || theirs != "" && theirs != text
		}
		switch {
		case !varies || text == "":
		case out == "":
			out = text
		case w.tight:
			out += " " + text
		default:
			out += ", " + text
		}
	}
	switch {
	case out != "":
		return out
	case c.Kind == Write:
		return c.Params.Method
	}
	return c.Params.Path
}

func transferWords() []labelWord {
	return []labelWord{
		{true, func(p Params) string { return p.Path }},
		{true, func(p Params) string { return formatBytes(p.ChunkBytes) }},
		{false, func(p Params) string { return p.Cache }},
		{false, func(p Params) string { return p.Workload }},
		{false, func(p Params) string {
			switch {
			case p.Loop == "":
				return ""
			case p.LoadShare > 0:
				return fmt.Sprintf("%s loop at %s of the closed rate", p.Loop, strconv.FormatFloat(p.LoadShare, 'g', -1, 64))
			}
			return p.Loop + " loop"
		}},
		{false, func(p Params) string { return strings.TrimSpace(p.Link + " " + p.LinkOptions) }},
		{false, func(p Params) string { return affix("", p.Receiver, " receiver") }},
		{false, func(p Params) string { return counted(p.Streams, "stream") }},
		{false, func(p Params) string { return affix("send buffer ", buffer(p.SoSndbufBytes), "") }},
		{false, func(p Params) string { return affix("receive buffer ", buffer(p.SoRcvbufBytes), "") }},
		{false, func(p Params) string { return "nodelay " + cmp.Or(p.Nodelay, "on") }},
		{false, func(p Params) string { return "cork " + cmp.Or(p.Cork, "off") }},
		{false, func(p Params) string { return cmp.Or(p.Congestion, "default") + " congestion control" }},
		{false, func(p Params) string { return affix("", formatBytes(p.FileBytes), " file") }},
	}
}

// buffer is a socket buffer's size as it was asked for.
func buffer(bytes int64) string {
	if bytes == 0 {
		return "auto"
	}
	return formatBytes(bytes)
}

func writeWords() []labelWord {
	return []labelWord{
		{true, func(p Params) string { return p.Pattern }},
		{true, func(p Params) string { return p.Method }},
		{true, func(p Params) string { return formatBytes(p.BlockBytes) }},
		{false, func(p Params) string {
			switch every, ok := strings.CutPrefix(p.Sync, "every="); {
			case ok:
				return "sync every " + every
			case p.Sync == syncNone:
				return "no sync"
			}
			return affix("sync ", p.Sync, "")
		}},
		{false, func(p Params) string { return p.SyncCall }},
		{false, func(p Params) string { return p.Draw }},
		{false, func(p Params) string { return affix("share ", decimal(p.RandomShare), " at random") }},
		{false, func(p Params) string { return affix("stride ", decimal(float64(p.StrideBlocks)), "") }},
		{false, func(p Params) string { return affix("theta ", decimal(p.Theta), "") }},
		{false, func(p Params) string { return counted(p.Files, "log") }},
		{false, func(p Params) string { return affix("depth ", strconv.Itoa(p.Depth), "") }},
		{false, func(p Params) string { return counted(max(1, p.Writers), "writer") }},
		{false, func(p Params) string {
			if p.RatePerSecond == 0 {
				return "closed loop"
			}
			return decimal(p.RatePerSecond) + " writes per second"
		}},
		{false, func(p Params) string { return affix("", formatBytes(p.FileBytes), " file") }},
	}
}

// decimal writes a number as scenarios do, and nothing for 0.
func decimal(x float64) string {
	if x == 0 {
		return ""
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

func affix(before, text, after string) string {
	if text == "" {
		return ""
	}
	return before + text + after
}

func counted(n int, what string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// formatBytes writes a size in the largest binary unit that divides it: 65536 is 64 KiB, 1000 is 1000 B.
func formatBytes(n int64) string {
	if n <= 0 {
		return ""
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	unit := 0
	for n%1024 == 0 && unit < len(units)-1 {
		n /= 1024
		unit++
	}
	return strconv.FormatInt(n, 10) + " " + units[unit]
}
