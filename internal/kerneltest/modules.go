package kerneltest

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Modules finds what has to be loaded for the modules that are wanted, dependencies first, among the kernel's modules in
// fsys. A name that no file has is taken to be built into the kernel, and is left out: missing lists those. It answers
// what depmod and modprobe would, from the same source: a module names those that it depends on.
func Modules(fsys fs.FS, wanted []string) (files, missing []string, err error) {
	at := map[string]string{}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(name, ".ko") {
			at[moduleName(strings.TrimSuffix(path.Base(name), ".ko"))] = name
		}
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("look for kernel modules: %w", err)
	}
	visited := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		name = moduleName(name)
		if visited[name] {
			return nil
		}
		visited[name] = true
		file, found := at[name]
		if !found {
			missing = append(missing, name)
			return nil
		}
		content, err := fs.ReadFile(fsys, file)
		if err != nil {
			return fmt.Errorf("read kernel module: %w", err)
		}
		needs, err := dependencies(content)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, n := range needs {
			if err := visit(n); err != nil {
				return err
			}
		}
		files = append(files, file)
		return nil
	}
	for _, name := range wanted {
		if err := visit(name); err != nil {
			return nil, nil, err
		}
	}
	return files, missing, nil
}

// moduleName is the name by which the kernel knows a module: it makes no difference between - and _.
func moduleName(name string) string { return strings.ReplaceAll(name, "-", "_") }

// dependencies reads which modules must be loaded before this one: those whose symbols it uses, and those that it asks
// for in a "softdep".
func dependencies(module []byte) ([]string, error) {
	file, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return nil, fmt.Errorf("read kernel module: %w", err)
	}
	section := file.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("read kernel module: it has no section .modinfo")
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("read section .modinfo of kernel module: %w", err)
	}
	return parseModinfo(string(info)), nil
}

// parseModinfo reads KEY=VALUE entries that end with NUL bytes.
func parseModinfo(info string) []string {
	var needs []string
	for entry := range strings.SplitSeq(info, "\x00") {
		key, value, _ := strings.Cut(entry, "=")
		switch key {
		case "depends":
			needs = append(needs, strings.FieldsFunc(value, func(r rune) bool { return r == ',' })...)
		case "softdep":
			before, _, _ := strings.Cut(value, "post:")
			needs = append(needs, strings.Fields(strings.TrimPrefix(strings.TrimSpace(before), "pre:"))...)
		}
	}
	slices.Sort(needs)
	return slices.Compact(needs)
}
