package kerneltest

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
)

// Unpack unpacks the regular files of a tar archive under root, which no name in the archive leads out of, and counts them. Those
// that keep refuses are left out; nil keeps all.
func Unpack(archive io.Reader, root *os.Root, keep func(name string) bool) (files int, err error) {
	for r := tar.NewReader(archive); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return files, fmt.Errorf("read tar archive: %w", err)
		}
		name := path.Clean(header.Name)
		if header.Typeflag != tar.TypeReg || keep != nil && !keep(name) {
			continue
		}
		if err := unpackFile(r, root, name); err != nil {
			return files, fmt.Errorf("unpack %s: %w", name, err)
		}
		files++
	}
}

func unpackFile(r io.Reader, root *os.Root, name string) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
