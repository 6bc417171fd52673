// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"slices"
	"sort"
	"strings"
	"syscall"

	"goflux/treeobj"
)

// OpAppend is the flag of an operation that appends to a value.
const OpAppend = 32

// Op is one change of a transaction: Object takes the place of what is at Key,
// or is appended to it; nil removes it.
type Op struct {
	Key    string
	Flags  int
	Object treeobj.Object
}

// tree is a root being changed. Only the directories on the way to a change
// are opened, and only those are copied.
type tree struct {
	m       *Machine
	run     *run
	root    *node
	missing refSet // references that have to be loaded first
	blobs   map[string]bool
	out     []Blob
}

// node is an opened directory: its entries, of which some are opened, too.
type node struct {
	dir  *treeobj.Dir // a copy of our own
	subs map[string]*node
}

func newTree(m *Machine, r *run) *tree { return &tree{m: m, run: r, blobs: map[string]bool{}} }

// object returns a blob, or nil after noting that it is missing.
func (t *tree) object(ref string) *object {
	if o := t.run.held[ref]; o != nil {
		return o
	}
	if o := t.m.cache.get(ref); o != nil {
		return o
	}
	t.missing.add(ref)
	return nil
}

// open returns a copy of the directory behind ref, or nil when it is missing.
func (t *tree) open(ref string) (*node, error) {
	o := t.object(ref)
	if o == nil {
		return nil, nil
	}
	d := o.asDir()
	if d == nil {
		return nil, errf(syscall.ENOTRECOVERABLE, "%s is not a directory", ref)
	}
	return &node{dir: d.Clone()}, nil
}

// applyAll applies the operations of the run. Missing objects are collected
// over all of them, so that they are loaded together.
func (t *tree) applyAll() error {
	var err error
	if t.root, err = t.open(t.run.ns.root); err != nil || t.root == nil {
		return err
	}
	for _, part := range t.run.parts {
		for i := range part.Ops {
			if err := t.apply(&part.Ops[i], part.Ops[i].Key, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// apply makes one change below key, which differs from op.Key after a symbolic
// link has been followed.
func (t *tree) apply(op *Op, key string, links int) error {
	parts := split(key)
	switch {
	case len(parts) == 0:
		return errf(syscall.EINVAL, "the root cannot be changed as a key")
	case len(parts) > maxDepth:
		return errf(syscall.EINVAL, "key has more than %d components", maxDepth)
	}
	n := t.root
	for i, name := range parts[:len(parts)-1] {
		sub, link, err := t.descend(n, name, op.Object != nil)
		switch {
		case err != nil:
			return err
		case link != nil:
			if link.Namespace != "" && link.Namespace != t.run.ns.name {
				return errf(syscall.EINVAL, "%s leads to namespace %s", op.Key, link.Namespace)
			}
			if links == maxSymlinks {
				return syscall.ELOOP
			}
			return t.apply(op, link.Target+"."+strings.Join(parts[i+1:], "."), links+1)
		case sub == nil:
			return nil // missing for now, or nothing there to be removed
		}
		n = sub
	}
	return t.change(n, parts[len(parts)-1], op)
}

// descend opens the directory name of n, making one if make is set. Without
// error, neither directory nor link means that there is none, or not yet.
func (t *tree) descend(n *node, name string, make bool) (*node, *treeobj.Symlink, error) {
	if sub := n.subs[name]; sub != nil {
		return sub, nil, nil
	}
	var sub *node
	entry, _ := n.dir.Get(name)
	switch entry := entry.(type) {
	case treeobj.Symlink:
		return nil, &entry, nil
	case *treeobj.Dir:
		sub = &node{dir: entry.Clone()}
	case treeobj.Dirref:
		ref, err := single(entry)
		if err != nil {
			return nil, nil, err
		}
		if sub, err = t.open(ref); err != nil || sub == nil {
			return nil, nil, err
		}
	default: // nothing, or a value that gives way
		if !make {
			return nil, nil, nil
		}
		sub = &node{dir: treeobj.NewDir()}
	}
	n.setSub(name, sub)
	return sub, nil, nil
}

func (n *node) setSub(name string, sub *node) {
	if n.subs == nil {
		n.subs = map[string]*node{}
	}
	n.subs[name] = sub
	n.dir.Set(name, sub.dir) // so that the name is taken
}

func single(d treeobj.Dirref) (string, error) {
	if len(d.Refs) != 1 {
		return "", errf(syscall.ENOTRECOVERABLE, "directory has %d references", len(d.Refs))
	}
	return d.Refs[0], nil
}

// change makes the change to the entry name of n.
func (t *tree) change(n *node, name string, op *Op) error {
	switch {
	case op.Object == nil:
		delete(n.subs, name)
		n.dir.Delete(name)
		return nil
	case op.Flags&OpAppend != 0:
		return t.append(n, name, op.Object)
	}
	if err := treeobj.Validate(op.Object); err != nil {
		return errf(syscall.EINVAL, "%s: %v", op.Key, err)
	}
	delete(n.subs, name)
	n.dir.Set(name, op.Object)
	return nil
}

// append appends a value: the value that is there becomes a list of blobs, so
// that what has been appended need not be written again.
func (t *tree) append(n *node, name string, object treeobj.Object) error {
	val, ok := object.(treeobj.Val)
	if !ok {
		return errf(syscall.EPROTO, "only values can be appended")
	}
	entry, _ := n.dir.Get(name)
	switch entry := entry.(type) {
	case nil:
		n.dir.Set(name, val)
	case treeobj.Val:
		n.dir.Set(name, treeobj.Valref{Refs: []string{t.blob(entry.Data), t.blob(val.Data)}})
	case treeobj.Valref:
		refs := append(slices.Clip(entry.Refs), t.blob(val.Data))
		n.dir.Set(name, treeobj.Valref{Refs: refs})
	case treeobj.Symlink:
		return syscall.EOPNOTSUPP
	default:
		return syscall.EISDIR
	}
	return nil
}

// blob notes data to be stored and returns its reference. One that is known is
// stored again: an online garbage collection must learn that it has a new
// user, and a transaction that is still on its way to disk may yet fail.
func (t *tree) blob(data []byte) string {
	ref := treeobj.Blobref(t.m.hash, data)
	if t.blobs[ref] {
		return ref
	}
	t.blobs[ref] = true
	if t.m.cache.get(ref) != nil {
		t.run.ns.noops++
	}
	t.out = append(t.out, Blob{ref, data})
	return ref
}

// store turns the opened directories into blobs, from the leaves up, and
// returns the reference of the new root with the blobs of the change.
func (t *tree) store() (string, []Blob, error) {
	if t.run.empty() {
		return t.run.ns.root, nil, nil
	}
	ref := t.storeNode(t.root)
	for _, b := range t.out {
		t.m.cache.put(&object{ref: b.Ref, data: b.Data})
	}
	return ref, t.out, nil
}

func (r *run) empty() bool {
	for _, t := range r.parts {
		if len(t.Ops) > 0 {
			return false
		}
	}
	return true
}

func (t *tree) storeNode(n *node) string {
	names := make([]string, 0, len(n.subs))
	for name := range n.subs {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		n.dir.Set(name, treeobj.Dirref{Refs: []string{t.storeNode(n.subs[name])}})
	}
	t.storeEntries(n.dir)
	return t.blob(treeobj.Encode(n.dir))
}

// storeEntries replaces the directories and the large values that d holds
// itself by references.
func (t *tree) storeEntries(d *treeobj.Dir) {
	replace := map[string]treeobj.Object{}
	for name, entry := range d.All() {
		switch entry := entry.(type) {
		case treeobj.Val:
			if len(entry.Data) > maxInline {
				replace[name] = treeobj.Valref{Refs: []string{t.blob(entry.Data)}}
			}
		case *treeobj.Dir:
			sub := entry.Clone()
			t.storeEntries(sub)
			replace[name] = treeobj.Dirref{Refs: []string{t.blob(treeobj.Encode(sub))}}
		}
	}
	for name, entry := range replace {
		d.Set(name, entry)
	}
}
