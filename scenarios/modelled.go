package scenarios

import (
	"errors"
	"fmt"
	"strings"

	"copylab/diskwrite/hdd"
	"copylab/results"
)

// ModelledDisk is a mechanical disk that is to be modelled with a scenario's writes: see package hdd.
type ModelledDisk struct {
	Drive string // an ID of hdd.Drives
	Cache string // the drive's own write cache: On or Off
}

// String writes the disk as scenarios do: "7200rpm cache=off".
func (d ModelledDisk) String() string { return d.Drive + " cache=" + d.Cache }

// modelled reads the disks that a scenario's writes are to be modelled on; there may be none.
func (r *resolver) modelled(root *node) []ModelledDisk {
	n := root.get("modelled")
	if n == nil || n.kind == list && len(n.items) == 0 {
		return nil
	}
	disks := values(r, root, "modelled", nil, parseModelled).values
	writes := false
	for _, p := range r.scenario.Parts {
		writes = writes || p.Kind == results.Write
	}
	if !writes {
		r.fail(wrong(n.at, "modelled is for writes, and this scenario has no write part: add one, or leave modelled out"))
	}
	return disks
}

// parseModelled reads "7200rpm cache=off".
func parseModelled(text string) (ModelledDisk, error) {
	var drives []string
	for _, d := range hdd.Drives() {
		drives = append(drives, d.ID)
	}
	drive, rest, _ := strings.Cut(text, " ")
	if _, ok := hdd.FindDrive(drive); !ok {
		return ModelledDisk{}, errors.New("names an unknown drive" + didYouMean(drive, drives))
	}
	option, value, ok := strings.Cut(strings.TrimSpace(rest), "=")
	switch {
	case option == "":
		return ModelledDisk{}, fmt.Errorf("does not say whether the drive's write cache is on: write %q or %q", drive+" cache=off", drive+" cache=on")
	case option != "cache" || !ok:
		return ModelledDisk{}, fmt.Errorf("has the unknown option %s: write %q or %q", quoted(option), drive+" cache=off", drive+" cache=on")
	case value != On && value != Off:
		return ModelledDisk{}, fmt.Errorf("has a wrong value for cache: %s is unknown%s", quoted(value), didYouMean(value, []string{Off, On}))
	}
	return ModelledDisk{Drive: drive, Cache: value}, nil
}

// modelledWords writes a list of disks as scenarios do.
func modelledWords(disks []ModelledDisk) []string {
	list := []string{}
	for _, d := range disks {
		list = append(list, d.String())
	}
	return list
}
