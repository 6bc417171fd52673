// SPDX-License-Identifier: LGPL-3.0-or-later

package treeobj

import (
	"iter"
	"sync/atomic"

	"github.com/tidwall/btree"
)

// Dir is a directory: names and the objects they stand for, kept in the order
// of the names' bytes. The zero value is the empty directory, ready for use.
//
// Clone costs the same for every size; what the clone and the original have in
// common is copied piece by piece as one of them changes. Directories within
// the directory are not cloned with it: to change one, Clone it and Set the
// clone.
//
// Any number of goroutines may read and Clone a Dir at once; Set and Delete
// need sole ownership. Methods that read treat a nil *Dir as empty.
type Dir struct {
	entries btree.Map[string, Object]
	// shared says that a clone holds nodes of entries: they have to be
	// copied before they change.
	shared atomic.Bool
}

// NewDir returns an empty directory.
func NewDir() *Dir { return &Dir{} }

// Len is the number of entries.
func (d *Dir) Len() int {
	if d == nil {
		return 0
	}
	return d.entries.Len()
}

// Get returns the entry of the given name; ok is false if there is none.
func (d *Dir) Get(name string) (o Object, ok bool) {
	if d == nil {
		return nil, false
	}
	return d.entries.Get(name)
}

// All yields the entries by ascending name. The directory must not be changed
// meanwhile.
func (d *Dir) All() iter.Seq2[string, Object] {
	return func(yield func(string, Object) bool) {
		if d != nil {
			d.entries.Scan(yield)
		}
	}
}

// Clone returns a directory with the same entries, which changes
// independently.
func (d *Dir) Clone() *Dir {
	c := &Dir{}
	if d == nil {
		return c
	}
	d.shared.Store(true)
	// The tree marks both sides of a copy as sharing their nodes. A mark on d
	// itself would race with other readers, so the tree is copied from a copy
	// of its head, and d remembers in shared.
	head := d.entries
	c.entries = *head.IsoCopy()
	return c
}

// own makes sure that changing the entries changes no clone.
func (d *Dir) own() {
	if d.shared.Load() {
		d.entries = *d.entries.IsoCopy()
		d.shared.Store(false)
	}
}

// Set gives name the object o, in place of any other it had.
func (d *Dir) Set(name string, o Object) {
	d.own()
	d.entries.Set(name, o)
}

// Delete removes the entry of the given name and reports whether there was
// one.
func (d *Dir) Delete(name string) bool {
	d.own()
	_, had := d.entries.Delete(name)
	return had
}
