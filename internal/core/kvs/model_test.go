// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"goflux/treeobj"

	"pgregory.net/rapid"
)

// model is the tree as plain maps: a string is a value, a model a directory.
type model map[string]any

func (d model) clone() model {
	c := model{}
	for k, v := range d {
		if sub, ok := v.(model); ok {
			v = sub.clone()
		}
		c[k] = v
	}
	return c
}

// apply is what an operation means; false when it is an error.
func (d model) apply(op Op) bool {
	parts := strings.Split(op.Key, ".")
	for _, p := range parts[:len(parts)-1] {
		sub, ok := d[p].(model)
		if !ok {
			if op.Object == nil {
				return true
			}
			sub = model{}
			d[p] = sub
		}
		d = sub
	}
	name := parts[len(parts)-1]
	switch o := op.Object.(type) {
	case nil:
		delete(d, name)
	case *treeobj.Dir:
		d[name] = model{}
	case treeobj.Val:
		have, isValue := d[name].(string)
		_, isDir := d[name].(model)
		if op.Flags&OpAppend == 0 {
			d[name] = string(o.Data)
		} else if isDir {
			return false
		} else if isValue {
			d[name] = have + string(o.Data)
		} else {
			d[name] = string(o.Data)
		}
	}
	return true
}

func (d model) String() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(d)) {
		fmt.Fprintf(&b, "%s=%v;", k, d[k])
	}
	return "{" + b.String() + "}"
}

// read reads the tree behind ref straight from the blobs.
func (w *world) read(t *rapid.T, ref string) model {
	o, err := treeobj.Decode(w.blobs[ref])
	if err != nil {
		t.Fatalf("%s: %v", ref, err)
	}
	d := model{}
	for name, e := range o.(*treeobj.Dir).All() {
		switch e := e.(type) {
		case treeobj.Val:
			d[name] = string(e.Data)
		case treeobj.Valref:
			s := ""
			for _, r := range e.Refs {
				s += string(w.blobs[r])
			}
			d[name] = s
		case treeobj.Dirref:
			d[name] = w.read(t, e.Refs[0])
		default:
			t.Fatalf("%s holds a %s", ref, e.Kind())
		}
	}
	return d
}

func genOp(t *rapid.T) Op {
	key := rapid.StringMatching(`[abc](\.[abc]){0,3}`).Draw(t, "key")
	value := val(strings.Repeat("v", rapid.SampledFrom([]int{0, 1, 54, 55, 300}).Draw(t, "size")))
	switch rapid.IntRange(0, 5).Draw(t, "op") {
	case 0:
		return Op{Key: key}
	case 1:
		return Op{Key: key, Object: treeobj.NewDir()}
	case 2:
		return Op{Key: key, Flags: OpAppend, Object: value}
	}
	return Op{Key: key, Object: value}
}

// Transactions committed in any rhythm, with loads and persists answered in
// any order and sometimes failing, with a cache that holds next to nothing,
// leave the tree that the acknowledged ones make one after another.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, Options{NoMerge: rapid.Bool().Draw(rt, "nomerge")})
		if rapid.Bool().Draw(rt, "small cache") {
			w.m.cache.limit = 300
		}
		want := model{}
		txns := map[uint64][]Op{}
		applied := uint64(0)
		check := func() {
			for id := applied + 1; ; id++ { // answers come in order
				d, ok := w.done[id]
				if !ok {
					break
				}
				applied = id
				next := want.clone()
				good := true
				for _, op := range txns[id] {
					good = good && next.apply(op)
				}
				if (d.Err == nil) != good && d.Err != syscall.ENOSPC {
					rt.Fatalf("transaction %d: %v", id, d.Err)
				}
				if d.Err == nil {
					want = next
				}
			}
			if len(w.done) != int(applied) {
				rt.Fatalf("answers out of order")
			}
		}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0, 1:
				ops := rapid.SliceOfN(rapid.Custom(genOp), 0, 4).Draw(rt, "ops")
				flags := rapid.SampledFrom([]int{0, 0, FlagNoMerge, FlagSync}).Draw(rt, "flags")
				txns[w.commit(Primary, flags, ops...)] = ops
				if rapid.Bool().Draw(rt, "advance") {
					w.step()
				}
			case 2, 3:
				w.step()
				if len(w.pending) > 0 {
					i := rapid.IntRange(0, len(w.pending)-1).Draw(rt, "which")
					var err error
					if _, ok := w.pending[i].(Persist); ok && rapid.IntRange(0, 4).Draw(rt, "fail") == 0 {
						err = syscall.ENOSPC
					}
					w.answer(i, err)
				}
			case 4:
				w.m.DropCache()
			}
			check()
		}
		w.settle()
		check()
		if int(applied) != len(txns) {
			rt.Fatalf("%d of %d transactions answered", applied, len(txns))
		}
		ns, _ := w.m.Namespace(Primary)
		if got := w.read(rt, ns.Root).String(); got != want.String() {
			rt.Fatalf("tree %s\nwant %s", got, want)
		}
		for key, v := range want {
			if s, ok := v.(string); ok && text(w.lookup(Lookup{Key: key})) != s {
				rt.Fatalf("lookup of %s: %s", key, text(w.lookup(Lookup{Key: key})))
			}
		}
	})
}
