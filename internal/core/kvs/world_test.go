// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"fmt"
	"syscall"
	"testing"

	"goflux/internal/message"
	"goflux/treeobj"
)

const owner = 1000

// world plays the machine's surroundings: a store of blobs, and the answers.
type world struct {
	t       testing.TB
	m       *Machine
	blobs   map[string][]byte
	pending []Effect // Load and Persist not answered yet
	done    map[uint64]Done
	found   map[any]Result
	reached map[uint64]Reached
	version []Version
	gone    []string
	nextID  uint64
}

func newWorld(t testing.TB, o Options) *world {
	if o.Hash == "" {
		o.Hash = treeobj.SHA1
	}
	w := &world{t: t, m: New(o), blobs: map[string][]byte{}, done: map[uint64]Done{},
		found: map[any]Result{}, reached: map[uint64]Reached{}}
	b := w.m.EmptyRoot()
	w.blobs[b.Ref] = b.Data
	if err := w.m.CreateNamespace(Info{Name: Primary, Owner: owner, Root: b.Ref}); err != nil {
		t.Fatal(err)
	}
	return w
}

// step takes what the machine has to say; requests are kept as pending.
func (w *world) step() {
	for _, e := range w.m.Advance() {
		switch e := e.(type) {
		case Load, Persist:
			w.pending = append(w.pending, e)
		case Done:
			for _, id := range e.IDs {
				w.done[id] = e
			}
		case Found:
			w.found[e.Lookup.Tag] = e.Result
		case Reached:
			w.reached[e.ID] = e
		case Version:
			w.version = append(w.version, e)
		case Gone:
			w.gone = append(w.gone, e.Namespace)
		}
	}
}

// answer answers the i-th pending request.
func (w *world) answer(i int, err error) {
	e := w.pending[i]
	w.pending = append(w.pending[:i:i], w.pending[i+1:]...)
	switch e := e.(type) {
	case Load:
		data, ok := w.blobs[e.Ref]
		if !ok && err == nil {
			err = syscall.ENOENT
		}
		w.m.Loaded(e.Ref, data, err)
	case Persist:
		if err == nil {
			for _, b := range e.Blobs {
				w.blobs[b.Ref] = b.Data
			}
		}
		w.m.Persisted(e.Run, err)
	}
	w.step()
}

func (w *world) settle() {
	w.step()
	for len(w.pending) > 0 {
		w.answer(0, nil)
	}
}

func (w *world) commit(ns string, flags int, ops ...Op) uint64 {
	w.nextID++
	if err := w.m.Commit(ns, &Transaction{ID: w.nextID, Ops: ops, Flags: flags}); err != nil {
		w.done[w.nextID] = Done{Err: err}
	}
	return w.nextID
}

// put commits and settles.
func (w *world) put(ops ...Op) Done {
	id := w.commit(Primary, 0, ops...)
	w.settle()
	return w.done[id]
}

func (w *world) lookup(q Lookup) Result {
	if q.Namespace == "" && q.Root == "" {
		q.Namespace = Primary
	}
	if q.Cred == (message.Cred{}) {
		q.Cred = message.Cred{UserID: owner, Rolemask: message.RoleOwner}
	}
	w.nextID++
	q.Tag = w.nextID
	if res, ok := w.m.Find(&q); ok {
		return res
	}
	w.settle()
	res, ok := w.found[q.Tag]
	if !ok {
		w.t.Fatalf("lookup of %s was not answered", q.Key)
	}
	return res
}

func val(s string) treeobj.Object { return treeobj.Val{Data: []byte(s)} }

func link(target string) treeobj.Object { return treeobj.Symlink{Target: target} }

func set(key, value string) Op { return Op{Key: key, Object: val(value)} }

// text shows what a lookup found.
func text(r Result) string {
	if r.Err != nil {
		return r.Err.Error()
	}
	switch o := r.Object.(type) {
	case nil:
		return "-"
	case treeobj.Val:
		return string(o.Data)
	case *treeobj.Dir:
		s := "dir"
		for name := range o.All() {
			s += " " + name
		}
		return s
	case treeobj.Symlink:
		return fmt.Sprintf("-> %s:%s", o.Namespace, o.Target)
	default:
		return string(o.Kind())
	}
}
