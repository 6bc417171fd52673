// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"goflux/internal/message"
	"goflux/treeobj"
)

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a", "a.b": "a.b", "a..b": "a.b", ".a.b.": "a.b", ".": ".", "...": ".", "a.....b...c": "a.b.c", "": "",
	} {
		if got := Normalize(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestLookup(t *testing.T) {
	w := newWorld(t, Options{})
	large := strings.Repeat("x", 100)
	w.put(set("a.b.c", "1"), set("a.big", large), Op{Key: "l", Object: link("a.b")},
		Op{Key: "dot", Object: link(".")}, Op{Key: "loop", Object: link("loop")}, Op{Key: "via", Object: link("l.c")},
		Op{Key: "m", Object: treeobj.NewDir()}, Op{Key: "other", Object: treeobj.Symlink{Namespace: "none", Target: "x"}})
	for _, tc := range []struct {
		key   string
		flags int
		want  string
	}{
		{"a.b.c", 0, "1"},
		{"a..b.c.", 0, "1"},
		{"a.big", 0, large},
		{"a.big", LookupTreeObj, "valref"},
		{"a.b", 0, "is a directory"},
		{"a", LookupReadDir, "dir b big"},
		{"a", LookupTreeObj, "dirref"},
		{"a.b.c", LookupReadDir, "not a directory"},
		{"a.b.c", LookupReadLink, "invalid argument"},
		{"a", LookupReadLink, "invalid argument"},
		{"a.b.c.d", 0, "-"},
		{"nope", 0, "-"},
		{"nope.x", 0, "-"},
		{"l.c", 0, "1"},
		{"via", 0, "1"},
		{"dot.a.b.c", 0, "1"},
		{"dot.dot.via", 0, "1"},
		{"l", LookupReadDir, "dir c"},
		{"l", LookupReadLink, "-> :a.b"},
		{"l", LookupTreeObj, "-> :a.b"},
		{"dot.l", LookupReadLink, "-> :a.b"},
		{"loop", 0, "too many levels of symbolic links"},
		{"other", 0, "operation not supported"},
		{"other", LookupReadLink, "-> none:x"},
		{".", 0, "is a directory"},
		{".", LookupTreeObj, "dirref"},
		{".", LookupReadDir, "dir a dot l loop m other via"},
		{"m", LookupReadDir, "dir"},
	} {
		if got := text(w.lookup(Lookup{Key: tc.key, Flags: tc.flags})); got != tc.want {
			t.Errorf("%s (flags %d): %s, want %s", tc.key, tc.flags, got, tc.want)
		}
		w.m.DropCache()
	}
}

func TestLookupAtRoot(t *testing.T) {
	w := newWorld(t, Options{})
	old := w.put(set("a", "1"), set("v", strings.Repeat("v", 60)))
	w.put(set("a", "2"))
	r := w.lookup(Lookup{Root: old.Root, Seq: 77, Key: "a"})
	if text(r) != "1" || r.Seq != 77 || r.Root != old.Root {
		t.Errorf("got %s at %d", text(r), r.Seq)
	}
	if r := w.lookup(Lookup{Key: "a"}); text(r) != "2" || r.Seq != 2 {
		t.Errorf("got %s at %d", text(r), r.Seq)
	}
	missing := treeobj.Blobref(treeobj.SHA1, []byte("missing"))
	if r := w.lookup(Lookup{Root: missing, Key: "a"}); !errors.Is(r.Err, syscall.ENOENT) {
		t.Errorf("missing root: %v", r.Err)
	}
	if r := w.lookup(Lookup{Root: "sha1-0", Key: "a"}); !errors.Is(r.Err, syscall.EINVAL) {
		t.Errorf("bad root: %v", r.Err)
	}
	ref := w.lookup(Lookup{Key: "v", Flags: LookupTreeObj}).Object.(treeobj.Valref).Refs[0]
	if r := w.lookup(Lookup{Root: ref, Key: "a"}); !errors.Is(r.Err, syscall.EINVAL) {
		t.Errorf("root that is no directory: %v", r.Err)
	}
}

func TestAppend(t *testing.T) {
	w := newWorld(t, Options{})
	add := func(key, s string) Op { return Op{Key: key, Flags: OpAppend, Object: val(s)} }
	w.put(add("log", "a"))
	w.put(add("log", "b"), add("log", ""))
	w.put(add("log", "c"))
	if got := text(w.lookup(Lookup{Key: "log"})); got != "abc" {
		t.Errorf("got %s", got)
	}
	if n := len(w.lookup(Lookup{Key: "log", Flags: LookupTreeObj}).Object.(treeobj.Valref).Refs); n != 4 {
		t.Errorf("%d blobs", n)
	}
	w.put(Op{Key: "d", Object: treeobj.NewDir()}, Op{Key: "s", Object: link("log")})
	for _, tc := range []struct {
		op   Op
		want syscall.Errno
	}{
		{add("d", "x"), syscall.EISDIR},
		{add("s", "x"), syscall.EOPNOTSUPP},
		{Op{Key: "log", Flags: OpAppend, Object: treeobj.NewDir()}, syscall.EPROTO},
		{set(".", "x"), syscall.EINVAL},
	} {
		if d := w.put(tc.op); !errors.Is(d.Err, tc.want) {
			t.Errorf("%v: %v, want %v", tc.op, d.Err, tc.want)
		}
	}
}

func TestUnlinkAndReplace(t *testing.T) {
	w := newWorld(t, Options{})
	w.put(set("a.b", "1"), set("a.c", "2"))
	w.put(Op{Key: "a.b"}, Op{Key: "none.such"})
	if got := text(w.lookup(Lookup{Key: ".", Flags: LookupReadDir})); got != "dir a" {
		t.Errorf("unlink made something: %s", got)
	}
	w.put(set("a.c.d", "3")) // a value gives way to a directory
	if got := text(w.lookup(Lookup{Key: "a.c.d"})); got != "3" {
		t.Errorf("got %s", got)
	}
	w.put(set("x.y", "1"), Op{Key: "x"}, set("x.z", "2"))
	if got := text(w.lookup(Lookup{Key: "x", Flags: LookupReadDir})); got != "dir z" {
		t.Errorf("got %s", got)
	}
	w.put(Op{Key: "l", Object: link("a")}, set("l.new", "4"))
	if got := text(w.lookup(Lookup{Key: "a.new"})); got != "4" {
		t.Errorf("through a link: %s", got)
	}
	w.put(Op{Key: "loop", Object: link("loop")})
	if d := w.put(set("loop.x", "1")); !errors.Is(d.Err, syscall.ELOOP) {
		t.Errorf("loop: %v", d.Err)
	}
	w.put(Op{Key: "far", Object: treeobj.Symlink{Namespace: "n", Target: "a"}})
	if d := w.put(set("far.x", "1")); !errors.Is(d.Err, syscall.EINVAL) {
		t.Errorf("into another namespace: %v", d.Err)
	}
}

// The references are flux-core's.
func TestReferences(t *testing.T) {
	w := newWorld(t, Options{})
	if got := w.m.EmptyRoot().Ref; got != "sha1-c0a9faf907dda6216fd73bf81d0b3b21a1a8cb91" {
		t.Errorf("empty root %s", got)
	}
	w.put(set("b.c", "two"), set("b.d", `{"x":[1,2]}`))
	if ref := w.lookup(Lookup{Key: "b", Flags: LookupTreeObj}).Object.(treeobj.Dirref).Refs[0]; ref != "sha1-b17429adddd2619f5e0741ca1a828e6a7dc8a2a6" {
		t.Errorf("b is %s", ref)
	}
	w.put(set("in", strings.Repeat("i", 54)), set("out", strings.Repeat("o", 55)))
	if k := w.lookup(Lookup{Key: "in", Flags: LookupTreeObj}).Object.Kind(); k != treeobj.KindVal {
		t.Errorf("in is a %s", k)
	}
	if k := w.lookup(Lookup{Key: "out", Flags: LookupTreeObj}).Object.Kind(); k != treeobj.KindValref {
		t.Errorf("out is a %s", k)
	}
}

func TestMerge(t *testing.T) {
	w := newWorld(t, Options{})
	first := w.commit(Primary, 0, set("a", "1"))
	w.step() // under way
	second := w.commit(Primary, 0, set("b", "2"))
	third := w.commit(Primary, 0, set("b", "3"), set("c", "4"))
	alone := w.commit(Primary, FlagNoMerge, set("b", "5"))
	last := w.commit(Primary, 0, set("d", "6"))
	w.settle()
	if w.done[first].Seq != 1 || w.done[second].Seq != 2 || w.done[third].Seq != 2 || w.done[alone].Seq != 3 || w.done[last].Seq != 4 {
		t.Errorf("versions %d %d %d %d %d", w.done[first].Seq, w.done[second].Seq, w.done[third].Seq, w.done[alone].Seq, w.done[last].Seq)
	}
	if v := w.version[2]; len(v.Keys) != 2 || !v.Keys["b"] || !v.Keys["c"] {
		t.Errorf("changed keys %v", v.Keys)
	}
}

// A transaction that fails fails alone.
func TestMergeFallback(t *testing.T) {
	w := newWorld(t, Options{})
	w.commit(Primary, 0, set("dir.x", "1"))
	w.step()
	good := w.commit(Primary, 0, set("a", "1"))
	bad := w.commit(Primary, 0, set("b", "1"), Op{Key: "dir", Flags: OpAppend, Object: val("x")})
	fine := w.commit(Primary, 0, set("c", "1"))
	w.settle()
	if w.done[good].Err != nil || !errors.Is(w.done[bad].Err, syscall.EISDIR) || w.done[fine].Err != nil {
		t.Errorf("errors %v, %v, %v", w.done[good].Err, w.done[bad].Err, w.done[fine].Err)
	}
	if got := text(w.lookup(Lookup{Key: ".", Flags: LookupReadDir})); got != "dir a c dir" {
		t.Errorf("tree: %s", got)
	}
}

// What is not durable is not visible, and does not come into being when it
// fails.
func TestPersistFailure(t *testing.T) {
	w := newWorld(t, Options{})
	w.commit(Primary, 0, set("a.b", "1"))
	w.step()
	if got := text(w.lookup(Lookup{Key: "a.b"})); got != "-" {
		t.Errorf("visible before it is durable: %s", got)
	}
	w.settle()
	id := w.commit(Primary, 0, set("a.b", "2"))
	w.step()
	if len(w.pending) != 1 {
		t.Fatalf("pending %v", w.pending)
	}
	w.answer(0, syscall.ENOSPC)
	if !errors.Is(w.done[id].Err, syscall.ENOSPC) {
		t.Errorf("got %v", w.done[id].Err)
	}
	if got := text(w.lookup(Lookup{Key: "a.b"})); got != "1" {
		t.Errorf("got %s", got)
	}
	if d := w.put(set("a.b", "2")); d.Err != nil || d.Seq != 2 {
		t.Errorf("afterwards: %v", d)
	}
}

func TestSync(t *testing.T) {
	w := newWorld(t, Options{})
	id := w.commit(Primary, FlagSync, set("a", "1"))
	w.step()
	if p, ok := w.pending[0].(Persist); !ok || !p.Sync || p.Seq != 1 {
		t.Errorf("pending %+v", w.pending[0])
	}
	w.settle()
	root := w.done[id].Root
	versions := len(w.version)
	if err := w.m.Checkpoint(99); err != nil {
		t.Fatal(err)
	}
	w.step()
	if p, ok := w.pending[0].(Persist); !ok || !p.Sync || p.Seq != 1 || p.Root != root || len(p.Blobs) != 0 {
		t.Errorf("checkpoint %+v", w.pending[0])
	}
	w.settle()
	if w.done[99].Seq != 1 || len(w.version) != versions {
		t.Errorf("a checkpoint made a version: %+v", w.done[99])
	}
	_ = w.m.CreateNamespace(Info{Name: "n", Root: root})
	if d := w.commit("n", FlagSync, set("a", "1")); !errors.Is(w.done[d].Err, syscall.EINVAL) {
		t.Errorf("sync of another namespace: %v", w.done[d].Err)
	}
}

func TestNamespaces(t *testing.T) {
	w := newWorld(t, Options{})
	root := w.m.EmptyRoot().Ref
	if err := w.m.CreateNamespace(Info{Name: "n", Owner: 7, Root: root}); err != nil {
		t.Fatal(err)
	}
	if err := w.m.CreateNamespace(Info{Name: "n", Root: root}); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("twice: %v", err)
	}
	if err := w.m.CreateNamespace(Info{Name: "x", Root: "foo"}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("bad root: %v", err)
	}
	id := w.commit("n", 0, set("a", "in n"))
	w.settle()
	if w.done[id].Err != nil {
		t.Fatal(w.done[id].Err)
	}
	w.put(Op{Key: "there", Object: treeobj.Symlink{Namespace: "n", Target: "a"}})
	if got := text(w.lookup(Lookup{Key: "there"})); got != "in n" {
		t.Errorf("link into n: %s", got)
	}
	guest := message.Cred{UserID: 7, Rolemask: message.RoleUser}
	if got := text(w.lookup(Lookup{Namespace: "n", Key: "a", Cred: guest})); got != "in n" {
		t.Errorf("its owner: %s", got)
	}
	if r := w.lookup(Lookup{Key: "there", Cred: guest}); !errors.Is(r.Err, syscall.EPERM) {
		t.Errorf("guest in primary: %v", r.Err)
	}
	id = w.commit("n", 0, set("b", "1"))
	w.step()
	queued := w.commit("n", 0, set("c", "1"))
	_ = w.m.WaitVersion("n", 99, 55)
	if ok, err := w.m.RemoveNamespace("n"); !ok || err != nil {
		t.Errorf("remove: %v %v", ok, err)
	}
	w.settle()
	for _, err := range []error{w.done[id].Err, w.done[queued].Err, w.reached[55].Err, w.lookup(Lookup{Key: "there"}).Err} {
		if !errors.Is(err, syscall.EOPNOTSUPP) {
			t.Errorf("after removal: %v", err)
		}
	}
	if len(w.gone) != 1 {
		t.Errorf("gone %v", w.gone)
	}
	if _, err := w.m.RemoveNamespace(Primary); !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Errorf("primary: %v", err)
	}
}

func TestWaitVersion(t *testing.T) {
	w := newWorld(t, Options{})
	for id, seq := range map[uint64]int{101: 3, 102: 1, 103: 2} {
		if err := w.m.WaitVersion(Primary, seq, id); err != nil {
			t.Fatal(err)
		}
	}
	w.put(set("a", "1"))
	if len(w.reached) != 1 || w.reached[102].Seq != 1 {
		t.Errorf("reached %v", w.reached)
	}
	w.m.ForgetWait(103)
	w.put(set("a", "1"))
	w.put(set("a", "1"))
	if len(w.reached) != 2 || w.reached[101].Seq != 3 {
		t.Errorf("reached %v", w.reached)
	}
}

func TestMissingObject(t *testing.T) {
	w := newWorld(t, Options{})
	lost := treeobj.Dirref{Refs: []string{treeobj.Blobref(treeobj.SHA1, []byte("lost"))}}
	w.put(Op{Key: "d", Object: lost}, set("e", "1"))
	if d := w.put(set("d.x", "1")); !errors.Is(d.Err, syscall.ENOENT) {
		t.Errorf("commit: %v", d.Err)
	}
	if r := w.lookup(Lookup{Key: "d.x"}); !errors.Is(r.Err, syscall.ENOENT) {
		t.Errorf("lookup: %v", r.Err)
	}
	if got := text(w.lookup(Lookup{Key: "e"})); got != "1" {
		t.Errorf("the rest: %s", got)
	}
}
