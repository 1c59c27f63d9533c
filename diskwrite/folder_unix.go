//go:build unix

package diskwrite

import (
	"errors"
	"os"
)

// syncFolder makes the names in dir durable: fsync(2) of a file does not cover its name.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
