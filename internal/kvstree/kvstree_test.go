// SPDX-License-Identifier: LGPL-3.0-or-later

package kvstree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"goflux/treeobj"
)

// memory is a content store that answers when it is waited for.
type memory struct {
	blobs map[string][]byte
	under int // requests not yet waited for
	most  int
}

func newMemory() *memory { return &memory{blobs: map[string][]byte{}} }

func (m *memory) answer(fn Pending) Pending {
	m.under++
	m.most = max(m.most, m.under)
	return func(ctx context.Context) ([]byte, error) {
		m.under--
		return fn(ctx)
	}
}

func (m *memory) Load(ref string) Pending {
	return m.answer(func(context.Context) ([]byte, error) {
		data, ok := m.blobs[ref]
		if !ok {
			return nil, syscall.ENOENT
		}
		return data, nil
	})
}

func (m *memory) store(data []byte) (string, Pending) {
	ref := treeobj.Blobref(treeobj.SHA1, data)
	data = bytes.Clone(data)
	return ref, m.answer(func(context.Context) ([]byte, error) {
		m.blobs[ref] = data
		return nil, nil
	})
}

func (m *memory) put(data string) string {
	ref, wait := m.store([]byte(data))
	_, _ = wait(context.Background())
	return ref
}

// TestStoreAndWalk: what was put is what a walk visits, in the order of keys,
// never with more requests under way than allowed.
func TestStoreAndWalk(t *testing.T) {
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		m := newMemory()
		w := &Writer{to: m, window: rapid.IntRange(1, 5).Draw(t, "writes")}
		tree := NewTree()
		want := map[string]string{}
		name := rapid.SampledFrom([]string{"a", "b", "c"})
		for range rapid.IntRange(0, 12).Draw(t, "n") {
			key := rapid.SliceOfN(name, 1, 3).Draw(t, "key")
			value := rapid.StringN(0, 5, 20).Draw(t, "value")
			var obj treeobj.Object = treeobj.Val{Data: []byte(value)}
			if len(value) > 3 {
				ref, err := w.Put(ctx, []byte(value))
				if err != nil {
					t.Fatal(err)
				}
				obj = treeobj.Valref{Refs: []string{ref, m.put("+")}}
				value += "+"
			}
			err := tree.Put(ctx, key, obj)
			path := strings.Join(key, ".")
			above := ""
			for k := range want {
				if strings.HasPrefix(path, k+".") {
					above = k
				}
			}
			if (above != "") != errors.Is(err, syscall.ENOTDIR) {
				t.Fatalf("put %s below %q: %v", path, above, err)
			}
			if err == nil {
				for k := range want {
					if strings.HasPrefix(k, path+".") {
						delete(want, k) // the directory was replaced
					}
				}
				want[path] = value
			}
		}
		root, err := tree.Store(ctx, w)
		if err != nil {
			t.Fatal(err)
		}
		if m.most > w.window+1 { // one more is put's own
			t.Fatalf("%d writes under way, %d allowed", m.most, w.window)
		}
		m.most = 0
		window := rapid.IntRange(1, 5).Draw(t, "window")
		got, order := map[string]string{}, []string{}
		walk := &Walk{Content: m, Blob: m.Load, Window: window, Visit: func(n Node) error {
			if n.Err != nil {
				return n.Err
			}
			switch o := n.Object.(type) {
			case treeobj.Val:
				got[n.Key] = string(o.Data)
			case treeobj.Valref:
				got[n.Key] = string(bytes.Join(n.Blobs, nil))
			default:
				return nil
			}
			order = append(order, n.Key)
			return nil
		}}
		if err := walk.Run(ctx, "", root); err != nil {
			t.Fatal(err)
		}
		if m.under != 0 || m.most > window {
			t.Fatalf("%d requests left, %d at once, %d allowed", m.under, m.most, window)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if !slices.IsSorted(order) {
			t.Fatalf("out of order: %v", order)
		}
	})
}

// TestEqualTreesHaveEqualRoots whatever the order of making and the window.
func TestEqualTreesHaveEqualRoots(t *testing.T) {
	ctx := context.Background()
	keys := []string{"a.b", "a.c", "b", "c.d.e"}
	roots := map[string]bool{}
	for i := range keys {
		tree := NewTree()
		for k := range keys {
			key := keys[(i+k)%len(keys)]
			if err := tree.Put(ctx, strings.Split(key, "."), treeobj.Val{Data: []byte(key)}); err != nil {
				t.Fatal(err)
			}
		}
		root, err := tree.Store(ctx, &Writer{to: newMemory(), window: i + 1})
		if err != nil {
			t.Fatal(err)
		}
		roots[root] = true
	}
	if len(roots) != 1 {
		t.Errorf("roots differ: %v", roots)
	}
}

// TestChangeStoredTree changes one directory of a tree that is not in memory;
// the others are not even looked at.
func TestChangeStoredTree(t *testing.T) {
	ctx := context.Background()
	m := newMemory()
	w := &Writer{to: m, window: 1}
	gone := treeobj.Dirref{Refs: []string{treeobj.Blobref(treeobj.SHA1, []byte("lost"))}}
	tree := &Tree{from: m, root: treeobj.NewDir()}
	put := func(key string, o treeobj.Object) {
		t.Helper()
		if err := tree.Put(ctx, strings.Split(key, "."), o); err != nil {
			t.Fatal(err)
		}
	}
	put("a.b.c", treeobj.Val{})
	put("lost", gone)
	root, err := tree.Store(ctx, w)
	if err != nil {
		t.Fatal(err)
	}
	tree = &Tree{from: m}
	if tree.root, err = tree.load(ctx, treeobj.Dirref{Refs: []string{root}}); err != nil {
		t.Fatal(err)
	}
	if err := tree.Put(ctx, []string{"lost", "x"}, treeobj.Val{}); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("put below a lost directory: %v", err)
	}
	if err := tree.Unlink(ctx, []string{"lost", "x"}); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("below a lost directory: %v", err)
	}
	if err := tree.Unlink(ctx, []string{"lost"}); err != nil {
		t.Error(err)
	}
	put("a.b.d", treeobj.Val{})
	if err := tree.Put(ctx, []string{"a", "b", "c", "x"}, treeobj.Val{}); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("put below a value: %v", err)
	}
	if err := tree.Force(ctx, []string{"a", "b", "c", "x"}, treeobj.Val{}); err != nil {
		t.Error(err)
	}
	if root, err = tree.Store(ctx, w); err != nil {
		t.Fatal(err)
	}
	var keys []string
	err = (&Walk{Content: m, Window: 1, Visit: func(n Node) error {
		keys = append(keys, n.Key)
		return n.Err
	}}).Run(ctx, "", root)
	if want := []string{"", "a", "a.b", "a.b.c", "a.b.c.x", "a.b.d"}; err != nil || !slices.Equal(keys, want) {
		t.Errorf("got %q %v, want %q", keys, err, want)
	}
}

// TestDamage: what is wrong is told where it is, and the walk goes on.
func TestDamage(t *testing.T) {
	ctx := context.Background()
	m := newMemory()
	missing := treeobj.Blobref(treeobj.SHA1, []byte("missing"))
	dir := treeobj.NewDir()
	dir.Set("a", treeobj.Dirref{Refs: []string{missing}})
	dir.Set("b", treeobj.Dirref{Refs: []string{m.put("no object")}})
	dir.Set("c", treeobj.Dirref{Refs: []string{m.put(string(treeobj.Encode(treeobj.Val{})))}})
	dir.Set("d", treeobj.Dirref{Refs: []string{missing, missing}})
	dir.Set("e", treeobj.Valref{Refs: []string{m.put("x"), missing}})
	dir.Set("f", treeobj.Val{})
	var got []string
	err := (&Walk{Content: m, Blob: m.Load, Window: 2, Visit: func(n Node) error {
		err := n.Err
		for _, e := range n.Errs {
			if e != nil {
				err = e
			}
		}
		var num syscall.Errno
		errors.As(err, &num)
		got = append(got, fmt.Sprintf("%s %d", n.Key, int(num)))
		return nil
	}}).Run(ctx, "", m.put(string(treeobj.Encode(dir))))
	want := []string{" 0", "a 2", "b 22", "c 20", "d 22", "e 2", "f 0"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q %v, want %q", got, err, want)
	}
}

// TestDescend leaves out what has been seen.
func TestDescend(t *testing.T) {
	ctx := context.Background()
	m := newMemory()
	tree := NewTree()
	for _, key := range []string{"a.x", "b.x", "c.x"} { // three times the same directory
		if err := tree.Put(ctx, strings.Split(key, "."), treeobj.Val{}); err != nil {
			t.Fatal(err)
		}
	}
	root, err := tree.Store(ctx, &Writer{to: m, window: 1})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	visits := 0
	err = (&Walk{Content: m, Window: 4, Descend: func(ref string) bool {
		defer func() { seen[ref] = true }()
		return !seen[ref]
	}, Visit: func(Node) error {
		visits++
		return nil
	}}).Run(ctx, "", root)
	if err != nil || visits != 3 {
		t.Errorf("%d visits, %v; want the root, one directory and its entry", visits, err)
	}
}

// TestDepth: a tree without end is refused.
func TestDepth(t *testing.T) {
	ctx := context.Background()
	m := newMemory()
	ref := m.put(string(treeobj.Encode(treeobj.NewDir())))
	for range maxDepth + 1 {
		dir := treeobj.NewDir()
		dir.Set("x", treeobj.Dirref{Refs: []string{ref}})
		ref = m.put(string(treeobj.Encode(dir)))
	}
	err := (&Walk{Content: m, Window: 1, Visit: func(Node) error { return nil }}).Run(ctx, "", ref)
	if err == nil {
		t.Error("walked without end")
	}
}
