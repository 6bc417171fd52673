// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"syscall"

	"goflux/internal/message"
	"goflux/treeobj"
)

// Flags of a lookup, as on the wire.
const (
	LookupReadDir  = 1
	LookupReadLink = 2
	LookupTreeObj  = 16
	// LookupTreeOnly, which is ours, leaves out what other services show below
	// "job": what the tree itself has is wanted.
	LookupTreeOnly = 1 << 20
)

// Lookup asks for what is at a key.
type Lookup struct {
	// Root is the root to look from, as a blobref; when it is empty the
	// current one of Namespace.
	Root      string
	Seq       int // of Root, told back
	Namespace string
	Key       string
	Flags     int
	Cred      message.Cred
	// Tag is the caller's.
	Tag any

	pinned  bool // Root and Seq are the namespace's as it was
	held    map[string]*object
	missing int
	err     error
}

// Result answers a lookup. Without error and Object there is nothing at the
// key.
type Result struct {
	Object treeobj.Object
	Err    error
	Root   string
	Seq    int
}

// Find looks a key up. When it needs objects that are not in memory it returns
// false, and [Found] will answer.
func (m *Machine) Find(q *Lookup) (Result, bool) {
	w := &walk{m: m, q: q}
	res := Result{Err: q.err}
	if res.Err == nil {
		res.Object, res.Err = w.find()
	}
	res.Root, res.Seq = q.Root, q.Seq
	if res.Err != nil || w.missing.len() == 0 {
		return res, true
	}
	if q.held == nil {
		q.held = map[string]*object{}
	}
	q.missing = w.missing.len()
	for _, ref := range w.missing.list {
		m.need(ref, q)
	}
	return Result{}, false
}

// loaded implements waiter.
func (q *Lookup) loaded(m *Machine, o *object, err error) {
	q.missing--
	if err != nil {
		q.err = err
	} else {
		q.held[o.ref] = o
	}
	if q.missing > 0 {
		return
	}
	if res, ok := m.Find(q); ok {
		m.emit(Found{q, res})
	}
}

// walk is one attempt at a lookup.
type walk struct {
	m       *Machine
	q       *Lookup
	missing refSet
}

func (w *walk) object(ref string) *object {
	o := w.q.held[ref]
	if o == nil {
		o = w.m.cache.get(ref)
	}
	if o == nil {
		w.missing.add(ref)
	}
	return o
}

// find returns nothing at all when objects are missing.
func (w *walk) find() (treeobj.Object, error) {
	if err := w.pin(); err != nil {
		return nil, err
	}
	if err := treeobj.CheckBlobref(w.q.Root); err != nil {
		return nil, errf(syscall.EINVAL, "root: %v", err)
	}
	parts := split(w.q.Key)
	if len(parts) > maxDepth {
		return nil, errf(syscall.EINVAL, "key has more than %d components", maxDepth)
	}
	entry, err := w.resolve(w.q.Root, parts, 0)
	if err != nil || entry == nil {
		return nil, err
	}
	if w.q.Flags&LookupTreeObj != 0 {
		return entry, nil
	}
	return w.value(entry)
}

// pin fixes the root when the lookup is by namespace. While it waits, the
// namespace may go away, and with it the permission to see it.
func (w *walk) pin() error {
	q := w.q
	if q.Root != "" && !q.pinned {
		return nil
	}
	ns := w.m.spaces[q.Namespace]
	if ns == nil {
		return errNoSpace
	}
	if err := q.Cred.Authorize(ns.owner); err != nil {
		return err
	}
	if !q.pinned {
		q.Root, q.Seq, q.pinned = ns.root, ns.seq, true
	}
	return nil
}

// resolve follows parts from root. A symbolic link at the end is followed
// unless the flags ask for it.
func (w *walk) resolve(root string, parts []string, links int) (treeobj.Object, error) {
	var at treeobj.Object = treeobj.Dirref{Refs: []string{root}}
	for i, name := range parts {
		d, err := w.dir(at, root)
		if err != nil || d == nil {
			return nil, err
		}
		entry, ok := d.Get(name)
		if !ok {
			return nil, nil
		}
		last := i == len(parts)-1
		link, ok := entry.(treeobj.Symlink)
		if ok && !(last && links == 0 && w.q.Flags&(LookupReadLink|LookupTreeObj) != 0) {
			if entry, err = w.follow(link, root, links); err != nil || entry == nil {
				return nil, err
			}
		}
		at = entry
	}
	return at, nil
}

// follow resolves a symbolic link found below root.
func (w *walk) follow(link treeobj.Symlink, root string, links int) (treeobj.Object, error) {
	if links == maxSymlinks {
		return nil, syscall.ELOOP
	}
	if link.Namespace != "" {
		ns := w.m.spaces[link.Namespace]
		if ns == nil {
			return nil, errNoSpace
		}
		if err := w.q.Cred.Authorize(ns.owner); err != nil {
			return nil, err
		}
		root = ns.root
	}
	return w.resolve(root, split(link.Target), links+1)
}

// dir returns the directory that an entry stands for: nil when it is missing,
// or when the entry is a value, in which nothing can be found.
func (w *walk) dir(entry treeobj.Object, root string) (*treeobj.Dir, error) {
	switch entry := entry.(type) {
	case *treeobj.Dir:
		return entry, nil
	case treeobj.Dirref:
		ref, err := single(entry)
		if err != nil {
			return nil, err
		}
		o := w.object(ref)
		if o == nil {
			return nil, nil
		}
		if d := o.asDir(); d != nil {
			return d, nil
		}
		if ref == w.q.Root && !w.q.pinned {
			return nil, errf(syscall.EINVAL, "%s is not a directory", ref)
		}
		return nil, errf(syscall.ENOTRECOVERABLE, "%s is not a directory", ref)
	case treeobj.Symlink:
		return nil, errf(syscall.ENOTRECOVERABLE, "symbolic link in the middle of a key")
	}
	return nil, nil
}

// value turns an entry into what the flags ask for.
func (w *walk) value(entry treeobj.Object) (treeobj.Object, error) {
	wantDir, wantLink := w.q.Flags&LookupReadDir != 0, w.q.Flags&LookupReadLink != 0
	switch entry := entry.(type) {
	case treeobj.Symlink:
		if wantDir {
			return nil, syscall.ENOTDIR
		}
		return entry, nil
	case treeobj.Dirref, *treeobj.Dir:
		switch {
		case wantLink:
			return nil, syscall.EINVAL
		case !wantDir:
			return nil, syscall.EISDIR
		}
		d, err := w.dir(entry, "")
		if err != nil || d == nil {
			return nil, err
		}
		return d, nil
	}
	switch {
	case wantLink:
		return nil, syscall.EINVAL
	case wantDir:
		return nil, syscall.ENOTDIR
	}
	if ref, ok := entry.(treeobj.Valref); ok {
		return w.join(ref)
	}
	return entry, nil
}

// join puts the blobs of a value together.
func (w *walk) join(ref treeobj.Valref) (treeobj.Object, error) {
	size := 0
	for _, r := range ref.Refs {
		if o := w.object(r); o != nil {
			size += len(o.data)
		}
	}
	switch {
	case w.missing.len() > 0:
		return nil, nil
	case size > maxValue:
		return nil, syscall.EOVERFLOW
	case len(ref.Refs) == 1:
		return treeobj.Val{Data: w.object(ref.Refs[0]).data}, nil
	}
	data := make([]byte, 0, size)
	for _, r := range ref.Refs {
		data = append(data, w.object(r).data...)
	}
	return treeobj.Val{Data: data}, nil
}
