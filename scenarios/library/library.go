// Package library holds the scenarios that ship with copylab, as the YAML files that they are written in.
package library

import (
	"embed"
	"io/fs"
)

//go:embed *.yaml
var files embed.FS

// Files is the folder of the scenarios: each is ID.yaml.
func Files() fs.FS { return files }

// IDs lists the scenarios in the order in which lists show them. The first is the one that runs where none is named.
func IDs() []string {
	return []string{
		"tour",
		"sendfile-vs-read-write",
		"all-paths",
		"zero-copy-family",
		"chunk-sizes",
		"crossover",
		"fetch-latency",
		"cold-vs-warm",
		"receivers",
		"streams",
		"tls-takes-zero-copy-away",
		"nic-limited",
		"without-scatter-gather",
		"network-primitives",
		"random-vs-sequential",
		"page-cache-is-memory",
		"the-cliff",
		"sync-policies",
		"group-commit",
		"queue-depth",
		"block-sizes",
		"many-logs",
		"flush-truth",
		"mechanical-disk",
	}
}
