// SPDX-License-Identifier: LGPL-3.0-or-later

package kvstree

import (
	"context"
	"fmt"
	"syscall"

	"goflux/internal/message"
	"goflux/treeobj"
)

// maxDepth is how deep directories may be nested: as deep as the KVS itself
// makes them.
const maxDepth = 1000

// loader is where a [Walk] loads directories from: a [Content].
type loader interface {
	Load(ref string) Pending
}

// Walk visits all entries of a tree, a directory before what is in it and in
// the order of names.
type Walk struct {
	Content loader
	// Blob requests a blob of a value that is kept outside its directory; nil
	// leaves such blobs alone.
	Blob func(ref string) Pending
	// Window is how many requests are made ahead.
	Window int
	// Descend tells whether to go into a directory kept as a blob; nil is
	// always.
	Descend func(ref string) bool
	// Visit is called for each entry. An error ends the walk.
	Visit func(Node) error
}

// Node is an entry of a tree.
type Node struct {
	Key string // "" for the root
	// Object is the entry: a *treeobj.Dir too, where it was kept as a blob
	// that could be loaded.
	Object treeobj.Object
	// Ref is the blobref of a directory that is kept as a blob.
	Ref string
	// Blobs and Errs are what Walk.Blob brought, in the order of a
	// treeobj.Valref's Refs.
	Blobs [][]byte
	Errs  []error
	// Err says why a directory could not be read.
	Err error
}

// Name is the last component of a node's key.
func (n Node) Name() string { return n.Key[1+lastDot(n.Key):] }

func lastDot(key string) int {
	for i := len(key) - 1; i >= 0; i-- {
		if key[i] == '.' {
			return i
		}
	}
	return -1
}

// step is a node still to be visited.
type step struct {
	key    string
	depth  int
	obj    treeobj.Object
	refs   []string
	asked  []Pending // for the first of refs
	pruned bool
}

// walk is the state of a running walk.
type walk struct {
	*Walk
	stack []*step // the next one last
	under int     // requests under way
}

// Run walks the tree whose root directory is the blob ref, below the key
// prefix ("" for none).
func (w *Walk) Run(ctx context.Context, prefix, ref string) error {
	r := &walk{Walk: w}
	r.push(prefix, 0, treeobj.Dirref{Refs: []string{ref}})
	for len(r.stack) > 0 {
		s := r.stack[len(r.stack)-1]
		r.stack = r.stack[:len(r.stack)-1]
		if err := r.visit(ctx, s); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (r *walk) push(key string, depth int, obj treeobj.Object) {
	s := &step{key: key, depth: depth, obj: obj}
	switch o := obj.(type) {
	case treeobj.Dirref:
		if len(o.Refs) == 1 {
			s.refs = o.Refs
			s.pruned = r.Descend != nil && !r.Descend(o.Refs[0])
		}
		if s.pruned {
			s.refs = nil
		}
	case treeobj.Valref:
		if r.Blob != nil {
			s.refs = o.Refs
		}
	}
	r.stack = append(r.stack, s)
}

// ahead is how far below the top of the stack requests are looked for, per
// request that may be under way: most entries need none.
const ahead = 8

// ask makes requests for s as long as there is room; with force, one at least.
func (r *walk) ask(s *step, force bool) {
	for len(s.asked) < len(s.refs) && (force || r.under < r.Window) {
		force = false
		ref := s.refs[len(s.asked)]
		var p Pending
		if _, dir := s.obj.(treeobj.Dirref); dir {
			p = r.Content.Load(ref)
		} else {
			p = r.Blob(ref)
		}
		s.asked = append(s.asked, p)
		r.under++
	}
}

// wait returns the i-th blob of s, having asked for what follows it.
func (r *walk) wait(ctx context.Context, s *step, i int) ([]byte, error) {
	r.ask(s, i >= len(s.asked))
	last := max(0, len(r.stack)-ahead*r.Window)
	for k := len(r.stack) - 1; k >= last && r.under < r.Window; k-- {
		r.ask(r.stack[k], false)
	}
	data, err := s.asked[i](ctx)
	r.under--
	return data, err
}

func (r *walk) visit(ctx context.Context, s *step) error {
	n := Node{Key: s.key, Object: s.obj}
	switch o := s.obj.(type) {
	case treeobj.Valref:
		for i := range s.refs {
			data, err := r.wait(ctx, s, i)
			n.Blobs, n.Errs = append(n.Blobs, data), append(n.Errs, err)
		}
	case treeobj.Dirref:
		if s.pruned {
			return nil
		}
		n.Ref = o.Refs[0]
		if dir, err := r.directory(ctx, s, o); err != nil {
			n.Err = err
		} else {
			n.Object = dir
		}
	}
	if err := r.Visit(n); err != nil {
		return err
	}
	if dir, ok := n.Object.(*treeobj.Dir); ok {
		return r.enter(s, dir)
	}
	return nil
}

func (r *walk) directory(ctx context.Context, s *step, o treeobj.Dirref) (*treeobj.Dir, error) {
	if len(o.Refs) != 1 {
		return nil, message.Errorf(syscall.EINVAL, "directory reference of %d blobs", len(o.Refs))
	}
	data, err := r.wait(ctx, s, 0)
	if err != nil {
		return nil, err
	}
	return decodeDir(data)
}

func decodeDir(data []byte) (*treeobj.Dir, error) {
	obj, err := treeobj.Decode(data)
	if err != nil {
		return nil, message.Errorf(syscall.EINVAL, "could not decode directory: %v", err)
	}
	dir, ok := obj.(*treeobj.Dir)
	if !ok {
		return nil, message.Errorf(syscall.ENOTDIR, "directory reference leads to a %s", obj.Kind())
	}
	return dir, nil
}

// enter puts the entries of a directory on the stack, the first on top.
func (r *walk) enter(s *step, dir *treeobj.Dir) error {
	if s.depth >= maxDepth {
		return fmt.Errorf("%s: directories are nested deeper than %d", s.key, maxDepth)
	}
	at := len(r.stack)
	for name, o := range dir.All() {
		r.push(join(s.key, name), s.depth+1, o)
	}
	for i, k := at, len(r.stack)-1; i < k; i, k = i+1, k-1 {
		r.stack[i], r.stack[k] = r.stack[k], r.stack[i]
	}
	return nil
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}
