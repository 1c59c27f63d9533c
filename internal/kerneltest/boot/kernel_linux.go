package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"copylab/internal/kerneltest"
)

// kernel is an unpacked kernel package.
type kernel struct {
	name   string // of the package: linux-image-6.1.0-…_amd64
	folder string
	image  string // vmlinuz
}

// findKernel finds the kernel that was asked for: in the cache, or in its package, which it downloads if it must.
// The cache has a folder for each package, named after package, version and architecture.
func findKernel(ctx context.Context, w io.Writer, o *options) (kernel, error) {
	deb := o.deb
	if deb == "" {
		var err error
		if deb, err = download(ctx, w, o.pkg, o.cache); err != nil {
			return kernel{}, err
		}
	}
	name := strings.TrimSuffix(filepath.Base(deb), ".deb")
	k := kernel{name: name, folder: filepath.Join(o.cache, name)}
	if _, err := os.Stat(k.folder); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(w, "unpack %s\n", deb)
		if err := unpackKernel(ctx, deb, k.folder); err != nil {
			return kernel{}, err
		}
	} else if err != nil {
		return kernel{}, err
	}
	images, err := filepath.Glob(filepath.Join(k.folder, "boot", "vmlinuz-*"))
	if err != nil {
		return kernel{}, err
	}
	if len(images) != 1 {
		return kernel{}, fmt.Errorf("%s holds %d kernels (boot/vmlinuz-*), want one: is it a package of the kind linux-image-VERSION-amd64?", name, len(images))
	}
	k.image = images[0]
	return k, nil
}

// download finds out which package stands behind a name such as linux-image-cloud-amd64, and downloads it unless it is there.
func download(ctx context.Context, w io.Writer, pkg, cache string) (deb string, err error) {
	cached := func(versioned string) (string, error) {
		found, err := filepath.Glob(filepath.Join(cache, versioned+"_*.deb"))
		if err != nil || len(found) == 0 {
			return "", errors.Join(err, fs.ErrNotExist)
		}
		return found[len(found)-1], nil
	}
	if _, err := program("apt-get"); err != nil {
		return "", fmt.Errorf("there is no apt-get here to download %s: download its package from https://packages.debian.org/%s by hand, and name it: make test-kernel KERNEL_DEB=FILE", pkg, pkg)
	}
	hint := "if the package is unknown or its download is not found, run apt-get update; or download it from https://packages.debian.org/ by hand, and name it: make test-kernel KERNEL_DEB=FILE"
	version, err := candidate(ctx, pkg)
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, hint)
	}
	// The name without a version is a package of its own that depends on the newest kernel.
	if real := versioned(version.depends); real != "" {
		if version, err = candidate(ctx, real); err != nil {
			return "", fmt.Errorf("%w\n%s", err, hint)
		}
	}
	// apt-get writes a version's colon as %3a.
	wanted := version.name + "_" + strings.ReplaceAll(version.version, ":", "%3a")
	if deb, err := cached(wanted); err == nil {
		return deb, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	fmt.Fprintf(w, "download %s %s\n", version.name, version.version)
	c := exec.CommandContext(ctx, "apt-get", "download", "-qq", version.name+"="+version.version)
	c.Dir = cache
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("apt-get download %s: %w\n%s%s", version.name, err, out, hint)
	}
	deb, err = cached(wanted)
	if err != nil {
		return "", fmt.Errorf("apt-get download %s=%s: it left no package %s_*.deb in %s", version.name, version.version, wanted, cache)
	}
	return deb, nil
}

// known is what apt knows of a package.
type known struct{ name, version, depends string }

// candidate asks apt for the version of a package that it would install.
func candidate(ctx context.Context, pkg string) (known, error) {
	out, err := exec.CommandContext(ctx, "apt-cache", "show", "--no-all-versions", pkg).CombinedOutput()
	if err != nil {
		return known{}, fmt.Errorf("apt-cache show %s: %w\n%s", pkg, err, out)
	}
	k := known{name: pkg}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Version":
			k.version = value
		case "Depends":
			k.depends = value
		}
	}
	if k.version == "" {
		return known{}, fmt.Errorf("apt-cache show %s: it names no version", pkg)
	}
	return k, nil
}

// versioned is the kernel's package among those that a package depends on, or "".
func versioned(depends string) string {
	for d := range strings.SplitSeq(depends, ",") {
		if name, _, _ := strings.Cut(strings.TrimSpace(d), " "); strings.HasPrefix(name, "linux-image-") {
			return name
		}
	}
	return ""
}

// unpackKernel unpacks a package's kernel and modules into a folder, which is there only if all of it worked.
func unpackKernel(ctx context.Context, deb, folder string) (err error) {
	dpkg, err := program("dpkg-deb")
	if err != nil {
		return errors.New("dpkg-deb is missing, which unpacks Debian's packages: install dpkg")
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	half, err := os.MkdirTemp(filepath.Dir(folder), "unpack-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(half)) }()
	root, err := os.OpenRoot(half)
	if err != nil {
		return err
	}
	defer root.Close()

	c := exec.CommandContext(ctx, dpkg, "--fsys-tarfile", deb)
	var problems strings.Builder
	c.Stderr = &problems
	archive, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("dpkg-deb: %w", err)
	}
	var compressed []string
	_, err = kerneltest.Unpack(archive, root, func(name string) bool {
		if strings.HasSuffix(name, ".ko.xz") {
			compressed = append(compressed, name)
		}
		return strings.HasPrefix(name, "boot/") || strings.Contains(name, ".ko")
	})
	_, drained := io.Copy(io.Discard, archive) // a tar archive has an end before its file has
	if err := errors.Join(err, drained, c.Wait()); err != nil {
		return fmt.Errorf("dpkg-deb --fsys-tarfile %s: %w\n%s", deb, err, problems.String())
	}
	if len(compressed) > 0 { // newer kernels' modules
		xz := exec.CommandContext(ctx, "xargs", "-0", "xz", "-d")
		xz.Dir, xz.Stdin = half, strings.NewReader(strings.Join(compressed, "\x00"))
		if out, err := xz.CombinedOutput(); err != nil {
			return fmt.Errorf("unpack %d kernel modules by xargs and xz: %w (install xz-utils)\n%s", len(compressed), err, out)
		}
	}
	return errors.Join(os.Chmod(half, 0o755), os.Rename(half, folder))
}
