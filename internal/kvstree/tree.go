// SPDX-License-Identifier: LGPL-3.0-or-later

package kvstree

import (
	"context"
	"fmt"
	"syscall"

	"goflux/internal/message"
	"goflux/treeobj"
)

// Tree is a tree being made or changed. Directories are loaded as they are
// needed.
type Tree struct {
	from loader
	root *treeobj.Dir
}

// NewTree is an empty tree.
func NewTree() *Tree { return &Tree{root: treeobj.NewDir()} }

// LoadTree is the tree whose root directory is the blob ref.
func LoadTree(ctx context.Context, c *Content, ref string) (*Tree, error) {
	t := &Tree{from: c}
	root, err := t.load(ctx, treeobj.Dirref{Refs: []string{ref}})
	if err != nil {
		return nil, fmt.Errorf("root directory: %w", err)
	}
	t.root = root
	return t, nil
}

func (t *Tree) load(ctx context.Context, o treeobj.Dirref) (*treeobj.Dir, error) {
	if t.from == nil || len(o.Refs) != 1 {
		return nil, message.Errorf(syscall.EINVAL, "directory reference of %d blobs", len(o.Refs))
	}
	data, err := t.from.Load(o.Refs[0])(ctx)
	if err != nil {
		return nil, err
	}
	return decodeDir(data)
}

// What keeps an entry from being a directory; a directory whose blob is missing
// is another thing.
var (
	errNoEntry = message.Errorf(syscall.ENOENT, "no such directory")
	errNoDir   = message.Errorf(syscall.ENOTDIR, "not a directory")
)

// child is the directory name of dir, ready to be changed. ENOENT when there
// is none, ENOTDIR when something else is in its place.
func (t *Tree) child(ctx context.Context, dir *treeobj.Dir, name string) (*treeobj.Dir, error) {
	o, ok := dir.Get(name)
	if !ok {
		return nil, errNoEntry
	}
	switch o := o.(type) {
	case *treeobj.Dir:
		return o, nil
	case treeobj.Dirref:
		sub, err := t.load(ctx, o)
		if err == nil {
			dir.Set(name, sub)
		}
		return sub, err
	}
	return nil, errNoDir
}

// Put puts an object at a key, making the directories above it. ENOTDIR when
// something that is no directory is above it.
func (t *Tree) Put(ctx context.Context, key []string, obj treeobj.Object) error {
	return t.put(ctx, key, obj, false)
}

// Force is Put that replaces what is in its way.
func (t *Tree) Force(ctx context.Context, key []string, obj treeobj.Object) error {
	return t.put(ctx, key, obj, true)
}

func (t *Tree) put(ctx context.Context, key []string, obj treeobj.Object, force bool) error {
	if len(key) == 0 || len(key) > maxDepth {
		return message.Errorf(syscall.EINVAL, "a key of %d components", len(key))
	}
	dir := t.root
	for _, name := range key[:len(key)-1] {
		sub, err := t.child(ctx, dir, name)
		if err == errNoEntry || force && err == errNoDir {
			sub, err = treeobj.NewDir(), nil
			dir.Set(name, sub)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		dir = sub
	}
	dir.Set(key[len(key)-1], obj)
	return nil
}

// Unlink removes the object at a key. ENOENT when there is none.
func (t *Tree) Unlink(ctx context.Context, key []string) error {
	dir, err := t.Dir(ctx, key[:len(key)-1])
	if err != nil {
		return err
	}
	if !dir.Delete(key[len(key)-1]) {
		return syscall.ENOENT
	}
	return nil
}

// Dir returns the directory at a key, which is not to be changed. ENOENT when
// there is none, ENOTDIR when it is none.
func (t *Tree) Dir(ctx context.Context, key []string) (dir *treeobj.Dir, err error) {
	dir = t.root
	for _, name := range key {
		if dir, err = t.child(ctx, dir, name); err != nil {
			return nil, err
		}
	}
	return dir, nil
}

// Store makes blobs of the directories that were made or loaded, and waits
// until they, and all w was given before, are stored. It returns the root's
// blobref. The tree is still to be used.
func (t *Tree) Store(ctx context.Context, w *Writer) (ref string, err error) {
	if ref, err = storeDir(ctx, w, t.root); err != nil {
		return "", err
	}
	return ref, w.Flush(ctx)
}

func storeDir(ctx context.Context, w *Writer, dir *treeobj.Dir) (ref string, err error) {
	stored := dir.Clone()
	for name, o := range dir.All() {
		sub, ok := o.(*treeobj.Dir)
		if !ok {
			continue
		}
		ref, err := storeDir(ctx, w, sub)
		if err != nil {
			return "", err
		}
		stored.Set(name, treeobj.Dirref{Refs: []string{ref}})
	}
	return w.Put(ctx, treeobj.Encode(stored))
}
