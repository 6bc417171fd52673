// SPDX-License-Identifier: LGPL-3.0-or-later

package contentfiles

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// dirName is the directory's name in the statedir, checkpointName that of the
// file of the checkpoint; both are flux-core's.
const (
	dirName        = "content.files"
	checkpointName = "kvs-primary"
)

// files is the directory.
type files struct {
	dir     string
	lasting bool
}

// change is a file to be written or, without data, removed.
type change struct {
	name string
	data []byte
}

// read returns a file. ENOENT when there is none.
func (f files) read(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(f.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, syscall.ENOENT
	}
	return data, err
}

// apply writes changes, the earlier ones before the later ones, and returns
// when they would survive what the state is to survive.
func (f files) apply(changes []change) error {
	for _, c := range changes {
		if err := f.write(c); err != nil {
			return err
		}
	}
	if len(changes) == 0 || !f.lasting {
		return nil
	}
	return f.syncDir()
}

// write replaces a file at once: who reads it sees the old one or the new one.
func (f files) write(c change) error {
	path := filepath.Join(f.dir, c.name)
	if c.data == nil {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	part, err := os.CreateTemp(f.dir, partPrefix)
	if err != nil {
		return err
	}
	_, err = part.Write(c.data)
	if err == nil && f.lasting {
		err = part.Sync()
	}
	if cerr := part.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		_ = os.Remove(part.Name())
	}
	return err
}

// partPrefix begins the names of files that are being written.
const partPrefix = ".part-"

func (f files) syncDir() error {
	d, err := os.Open(f.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// prepare makes the directory, or clears it of what was not finished, or of all.
func (f files) prepare(truncate bool) error {
	if truncate {
		if err := os.RemoveAll(f.dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	names, err := f.names(partPrefix)
	for _, name := range names {
		err = errors.Join(err, os.Remove(filepath.Join(f.dir, name)))
	}
	return err
}

// names are the files whose names begin with prefix.
func (f files) names(prefix string) (names []string, err error) {
	entries, err := os.ReadDir(f.dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			names = append(names, e.Name())
		}
	}
	return names, err
}
