package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"copylab/report"
	"copylab/results"
	"copylab/results/diagram"
	"copylab/scenarios"
	"copylab/scenarios/links"
)

type explainOptions struct {
	run      string
	source   string
	link     string
	receiver string
	svg      string
	plain    bool
}

func newExplain() *cobra.Command {
	var o explainOptions
	c := &cobra.Command{
		Use:   "explain PATH [PATH]",
		Short: "Draw a path: where its bytes go, who copies them, and what a run measured of it",
		Long: `Draws the way of the bytes from the disk, or from memory, to the receiver: which arrows are transfers by a device (DMA), copies by a
CPU, or no more than a reference that is handed over (descriptor), and where the boundary between user and kernel mode is crossed.
Two paths are drawn side by side.

Without --run it shows what theory expects over a network card, with and without scatter-gather, over loopback and over veth.
With --run RUN it draws the link of that run, and shows what was measured beside it. Where a run has several links, --link says which, by
the name that the run's tables have for it.`,
		Example: `  copylab explain sendfile
  copylab explain read-write sendfile
  copylab explain send-zerocopy --link loopback
  copylab explain read-write sendfile --run runs/NAME`,
		Args: func(c *cobra.Command, args []string) error {
			if n := len(args); n < 1 || n > 2 {
				return usage(fmt.Errorf("%s takes 1 or 2 paths, got %d (usage: %s; copylab list paths names them)", c.CommandPath(), n, c.UseLine()))
			}
			return nil
		},
		ValidArgs: pathIDs(""),
		RunE:      func(c *cobra.Command, args []string) error { return o.explain(c, args) },
	}
	f := c.Flags()
	f.StringVar(&o.run, "run", "", "show what this run measured: its folder, or its record.jsonl")
	f.StringVar(&o.source, "source", "", "file or memory, for a path that there is from both (default: file)")
	f.StringVar(&o.link, "link", "", "draw only this link: "+strings.Join(linkIDs(), ", ")+", or veth with options, as \"veth sg=off\" (default: the run's, or all)")
	f.StringVar(&o.receiver, "receiver", "", "what the other end does (default: the run's, or recv)")
	f.StringVar(&o.svg, "svg", "", "write the drawing to this file, as SVG, too")
	f.BoolVar(&o.plain, "plain", false, "draw with ASCII characters only")
	return c
}

// explain draws the paths that args name.
func (o explainOptions) explain(c *cobra.Command, args []string) (err error) {
	e := report.Explanation{Receiver: o.receiver, RunName: o.run}
	if e.Link, e.LinkName, err = o.drawnLink(); err != nil {
		return usage(err)
	}
	if o.source != "" {
		if err := known("source", o.source, []string{diagram.FromFile, diagram.FromMemory}); err != nil {
			return usage(err)
		}
	}
	if o.receiver != "" {
		if err := known("receiver", o.receiver, receiverIDs()); err != nil {
			return usage(err)
		}
	}
	for _, id := range args {
		p, err := o.path(id)
		if err != nil {
			return usage(err)
		}
		if r, found := diagram.ReceiverOf(o.receiver); found && !r.Takes(p) {
			return usage(fmt.Errorf("path %s encrypts, and the receiver %s can't decrypt: take recv or checksum", p.ID, r.ID))
		}
		e.Paths = append(e.Paths, p)
	}
	if o.run != "" {
		boundMemory()
		if e.Run, err = results.Load(o.run); err != nil {
			return err
		}
	}
	if err := report.WriteExplanation(c.OutOrStdout(), e, report.DiagramOptions{Width: width(c.OutOrStdout()), ASCII: o.plain}); err != nil || o.svg == "" {
		return err
	}
	drawn, err := report.DrawExplanation(e, report.SVGOptions{})
	if err != nil {
		return err
	}
	f, err := os.Create(o.svg)
	if err != nil {
		return fmt.Errorf("write drawing: %w", err)
	}
	_, err = f.Write(drawn)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write drawing: %w", err)
	}
	return nil
}

// drawnLink is the link that was asked for, and how a run names it.
func (o explainOptions) drawnLink() (diagram.Link, string, error) {
	if o.run != "" && o.link == string(links.Remote) { // a run's name for it; of a card it says more than theory can
		return diagram.NIC, o.link, nil
	}
	if kind, _, options := strings.Cut(strings.TrimSpace(o.link), " "); !options || kind != string(diagram.Veth) {
		if o.link == "" {
			return "", "", nil
		}
		return diagram.Link(o.link), o.link, known("link", o.link, linkIDs())
	}
	spec, err := links.Parse(o.link)
	if err != nil {
		return "", "", fmt.Errorf("link %q %w", o.link, err)
	}
	return diagram.VethWith(spec.SG != links.Off, spec.Csum != links.Off), spec.String(), nil
}

// path finds a path: from the source that was asked for, else from a file, else from memory.
func (o explainOptions) path(id string) (diagram.Path, error) {
	sources := []string{diagram.FromFile, diagram.FromMemory}
	if o.source != "" {
		sources = []string{o.source}
	}
	for _, s := range sources {
		if p, found := diagram.PathOf(s, id); found {
			return p, nil
		}
	}
	if o.source != "" && slices.Contains(pathIDs(""), id) {
		return diagram.Path{}, fmt.Errorf("path %q does not send from %s (valid: %s)", id, o.source, strings.Join(pathIDs(o.source), ", "))
	}
	return diagram.Path{}, known("path", id, pathIDs(o.source))
}

// known says what a word should have been, where it is not among the valid ones.
func known(what, word string, valid []string) error {
	if slices.Contains(valid, word) {
		return nil
	}
	hint := ""
	if near := scenarios.Nearest(word, valid); near != "" {
		hint = fmt.Sprintf(": did you mean %q?", near)
	}
	return fmt.Errorf("%s %q is unknown%s (valid: %s)", what, word, hint, strings.Join(valid, ", "))
}

// pathIDs lists the paths from a source, or from any; each once.
func pathIDs(source string) []string {
	var out []string
	for _, p := range diagram.Paths() {
		if (source == "" || p.Source == source || p.Source == "") && !slices.Contains(out, p.ID) {
			out = append(out, p.ID)
		}
	}
	return out
}

func receiverIDs() []string {
	var out []string
	for _, r := range diagram.Receivers() {
		out = append(out, r.ID)
	}
	return out
}

func linkIDs() []string {
	var out []string
	for _, l := range diagram.Links() {
		out = append(out, string(l))
	}
	return out
}
