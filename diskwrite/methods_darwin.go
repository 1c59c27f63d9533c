package diskwrite

import (
	"errors"

	"copylab/internal/kernel"
)

const pwriteName = "pwrite"

// What this operating system lacks; empty: nothing.
const (
	noFdatasync         = "macOS declares no fdatasync(2): choose fsync"
	syncKeepsDriveCache = "fsync(2) on macOS does not make the drive write its cache to the medium"
)

const (
	noDirect = "macOS has no O_DIRECT, and copylab does not bind F_NOCACHE"
	noDsync  = "O_DSYNC on macOS does not make the drive write its cache to the medium"
)

func buffered() binding {
	return flagged{unsynced: "writes are in the page cache, and nothing was synced"}.binding()
}

func direct() binding      { return unsupported(noDirect) }
func dsync() binding       { return unsupported(noDsync) }
func directDsync() binding { return unsupported(noDirect) }

func fdatasync(kernel.Calls, int) error { return errors.ErrUnsupported }

// inMemory names the filesystem under dir if it keeps files in memory only. macOS has none; a RAM disk is a block device
// to it.
func inMemory(string) (string, error) { return "", nil }

func openTmpfile(string, int) (int, error) { return -1, errors.ErrUnsupported }
