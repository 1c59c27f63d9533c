//go:build unix && !linux

package receivers

import "os"

func unnamedFile(dir string) (*os.File, error) { return createAndRemove(dir) }
