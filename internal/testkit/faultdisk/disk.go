// SPDX-License-Identifier: LGPL-3.0-or-later

package faultdisk

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	sqlite3 "modernc.org/sqlite/lib"
)

// Kind is what was done to a file.
type Kind int

// What can be done to a file.
const (
	Write Kind = iota
	Truncate
	Sync
	Remove
)

func (k Kind) String() string { return [...]string{"write", "truncate", "sync", "remove"}[k] }

// Op is one thing done to a file.
type Op struct {
	Kind Kind
	Path string
	Off  int64 // of a write, or the size after a truncation
	Data []byte
	// DirSync is set where the directory was synced, too.
	DirSync bool
	// Mark is what [Disk.Mark] said when it was done.
	Mark int
}

// Name is the file's name in the directory.
func (o Op) Name() string { return filepath.Base(o.Path) }

// Disk records what happens to the files of a directory.
type Disk struct {
	dir string

	mu    sync.Mutex
	ops   []Op
	mark  int
	deny  func(Op) error
	quiet bool
}

// Watch records what happens below dir until the test ends.
func Watch(t testing.TB, dir string) *Disk {
	register()
	d := &Disk{dir: strings.TrimSuffix(dir, "/") + "/"}
	vfs.mu.Lock()
	vfs.disks = append(vfs.disks, d)
	vfs.mu.Unlock()
	t.Cleanup(func() {
		vfs.mu.Lock()
		defer vfs.mu.Unlock()
		for i, o := range vfs.disks {
			if o == d {
				vfs.disks = append(vfs.disks[:i:i], vfs.disks[i+1:]...)
				return
			}
		}
	})
	return d
}

// note records an operation, unless it is to fail.
func (d *Disk) note(o Op) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deny != nil {
		if err := d.deny(o); err != nil {
			return err
		}
	}
	o.Mark = d.mark
	if !d.quiet {
		d.ops = append(d.ops, o)
	}
	return nil
}

// Deny asks before each operation whether it fails: with ENOSPC as on a full
// disk, with anything else as on a broken one. A nil function ends that.
func (d *Disk) Deny(ask func(Op) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deny = ask
}

// Quiet ends the recording: operations can still be made to fail.
func (d *Disk) Quiet() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.quiet, d.ops = true, nil
}

// Mark sets what the operations from now on are marked with: how much has been
// acknowledged, for instance.
func (d *Disk) Mark(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mark = n
}

// Ops are the operations so far.
func (d *Disk) Ops() []Op {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops[:len(d.ops):len(d.ops)]
}

// code is SQLite's code for an error.
func code(err error, broken int32) int32 {
	if errors.Is(err, syscall.ENOSPC) {
		return sqlite3.SQLITE_FULL
	}
	return broken
}

// File is a file outside SQLite whose operations are recorded.
type File struct {
	*os.File
	disk *Disk
}

// OpenFile opens a file as [os.OpenFile] does.
func (d *Disk) OpenFile(name string, flag int, perm os.FileMode) (*File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &File{f, d}, nil
}

// WriteAt records and writes.
func (f *File) WriteAt(b []byte, off int64) (int, error) {
	if err := f.disk.note(Op{Kind: Write, Path: f.Name(), Off: off, Data: append([]byte(nil), b...)}); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, off)
}

// Truncate records and truncates.
func (f *File) Truncate(size int64) error {
	if err := f.disk.note(Op{Kind: Truncate, Path: f.Name(), Off: size}); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

// Sync records, and trusts the record.
func (f *File) Sync() error { return f.disk.note(Op{Kind: Sync, Path: f.Name()}) }
