//go:build !linux

package copypaths

import (
	"os"
)

// probeFile makes a file of that content in the folder for temporary files. remove closes and deletes it.
func probeFile(content []byte) (file *os.File, remove func(), err error) {
	file, err = os.CreateTemp("", "copylab-probe-*")
	if err != nil {
		return nil, nil, err
	}
	remove = func() {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}
	if _, err := file.WriteAt(content, 0); err != nil {
		remove()
		return nil, nil, err
	}
	return file, remove, nil
}
