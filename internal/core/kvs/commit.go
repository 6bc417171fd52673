// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"errors"
	"syscall"
)

// Flags of a transaction, as on the wire.
const (
	FlagNoMerge = 1 // apply it by itself
	FlagCompact = 2 // clients join appends to one key before they send
	FlagSync    = 4 // checkpoint before the answer
)

// Transaction is a list of changes to one namespace.
type Transaction struct {
	ID    uint64
	Ops   []Op
	Flags int
	// quiet transactions make no new version.
	quiet bool
}

// apart reports whether a transaction must not be merged: one to be
// checkpointed is to be in the checkpoint exactly as it is.
func (t *Transaction) apart() bool { return t.Flags&(FlagNoMerge|FlagSync) != 0 || t.quiet }

// run is a transaction, or several merged ones, being applied.
type run struct {
	id      uint64
	ns      *namespace
	parts   []*Transaction
	held    map[string]*object // what has been loaded for it
	missing int                // loads under way
	err     error
	root    string
	blobs   []Blob
}

// Commit queues a transaction; [Done] answers it. EOPNOTSUPP when there is no
// such namespace.
func (m *Machine) Commit(name string, t *Transaction) error {
	ns := m.spaces[name]
	if ns == nil {
		return errNoSpace
	}
	if t.Flags&FlagSync != 0 && name != Primary {
		return errf(syscall.EINVAL, "only the primary namespace can be synchronized")
	}
	ns.queue = append(ns.queue, t)
	m.schedule(ns)
	return nil
}

// Checkpoint asks for the primary root to be persisted as it will be after
// what is queued.
func (m *Machine) Checkpoint(id uint64) error {
	return m.Commit(Primary, &Transaction{ID: id, Flags: FlagSync, quiet: true})
}

func (m *Machine) schedule(ns *namespace) {
	if !ns.queued && ns.running == nil && len(ns.queue) > 0 {
		ns.queued = true
		m.ready = append(m.ready, ns)
	}
}

// start takes the next transactions of a namespace and applies them.
func (m *Machine) start(ns *namespace) {
	if ns.running != nil || ns.removed || len(ns.queue) == 0 {
		return
	}
	n := 1
	if first := ns.queue[0]; m.merge && !first.apart() {
		ops := len(first.Ops)
		for n < len(ns.queue) {
			t := ns.queue[n]
			if ops += len(t.Ops); t.apart() || t.Flags != first.Flags || ops > maxMerge {
				break
			}
			n++
		}
	}
	r := &run{ns: ns, parts: ns.queue[:n:n], held: map[string]*object{}}
	ns.queue = ns.queue[n:]
	ns.running = r
	m.apply(r)
}

// apply applies a run to its namespace's root, as far as what is in memory
// goes.
func (m *Machine) apply(r *run) {
	t := newTree(m, r)
	err := r.err
	if err == nil {
		err = t.applyAll()
	}
	if err != nil {
		m.failed(r, err)
		return
	}
	if t.missing.len() > 0 {
		r.missing = t.missing.len()
		for _, ref := range t.missing.list {
			m.need(ref, r)
		}
		return
	}
	if r.root, r.blobs, err = t.store(); err != nil {
		m.failed(r, err)
		return
	}
	r.held = nil
	m.lastRun++
	r.id = m.lastRun
	m.runs[r.id] = r
	p := Persist{
		Run: r.id, Namespace: r.ns.name, Owner: r.ns.owner, Flags: r.ns.flags,
		Root: r.root, Seq: r.nextSeq(), Blobs: r.blobs,
	}
	p.Sync = r.parts[0].Flags&FlagSync != 0
	m.emit(p)
}

func (r *run) nextSeq() int {
	if r.parts[0].quiet {
		return r.ns.seq
	}
	return r.ns.seq + 1
}

// loaded implements waiter: with the last missing object the run is applied
// again, from the beginning.
func (r *run) loaded(m *Machine, o *object, err error) {
	r.missing--
	if err != nil {
		r.err = err
	} else {
		r.held[o.ref] = o
	}
	if r.missing == 0 && r.ns.running == r {
		m.apply(r)
	}
}

// failed ends a run that cannot be applied: a merged one is split.
func (m *Machine) failed(r *run, err error) {
	r.ns.running = nil
	if len(r.parts) > 1 && !errors.Is(err, syscall.ENOMEM) {
		for _, t := range r.parts {
			c := *t
			c.Flags |= FlagNoMerge
			*t = c
		}
		r.ns.queue = append(r.parts, r.ns.queue...)
	} else {
		m.fail(r.parts, err)
	}
	m.schedule(r.ns)
}

func (m *Machine) fail(parts []*Transaction, err error) {
	for _, t := range parts {
		m.emit(Done{IDs: []uint64{t.ID}, Err: err})
	}
}

// Persisted is the answer to [Persist].
func (m *Machine) Persisted(id uint64, err error) {
	r := m.runs[id]
	if r == nil {
		return
	}
	delete(m.runs, id)
	ns := r.ns
	if err != nil {
		for _, b := range r.blobs { // they may not be there
			if o := m.cache.objects[b.Ref]; o != nil {
				m.cache.drop(o)
			}
		}
	}
	if ns.running != r {
		return // the namespace has been removed meanwhile
	}
	if err != nil {
		ns.running = nil
		m.fail(r.parts, err)
		m.schedule(ns)
		return
	}
	ns.seq, ns.root, ns.running = r.nextSeq(), r.root, nil
	done := Done{Root: ns.root, Seq: ns.seq}
	for _, t := range r.parts {
		done.IDs = append(done.IDs, t.ID)
	}
	m.emit(done)
	if !r.parts[0].quiet {
		m.emit(Version{Namespace: ns.name, Owner: ns.owner, Root: ns.root, Seq: ns.seq, Keys: changedKeys(r.parts)})
		m.wake(ns)
	}
	m.schedule(ns)
}

func changedKeys(parts []*Transaction) map[string]bool {
	keys := map[string]bool{}
	for _, t := range parts {
		for i := range t.Ops {
			keys[Normalize(t.Ops[i].Key)] = true
		}
	}
	return keys
}
