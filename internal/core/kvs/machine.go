// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"sort"
	"syscall"

	"goflux/internal/message"
	"goflux/treeobj"
)

// Machine is the key-value store. It is to be used by one goroutine.
type Machine struct {
	hash   treeobj.Hash
	merge  bool
	cache  *cache
	spaces map[string]*namespace

	effects []Effect
	ready   []*namespace        // with work to start
	loading map[string][]waiter // references asked for, and by whom
	runs    map[uint64]*run     // being persisted
	lastRun uint64
	faults  int
}

// waiter is told that what it waited for is there, or failed to load.
type waiter interface {
	loaded(m *Machine, o *object, err error)
}

// Options of a machine.
type Options struct {
	Hash    treeobj.Hash
	NoMerge bool // apply each transaction by itself
}

// New returns a machine without namespaces.
func New(o Options) *Machine {
	empty := emptyRoot(o.Hash)
	return &Machine{
		hash: o.Hash, merge: !o.NoMerge, cache: newCache(cacheBytes, &object{ref: empty.Ref, data: empty.Data}),
		spaces:  map[string]*namespace{},
		loading: map[string][]waiter{},
		runs:    map[uint64]*run{},
	}
}

// Effect is what the machine wants done or has to say: [Load], [Persist],
// [Done], [Version], [Found], [Reached] or [Gone].
type Effect interface{ effect() }

type (
	// Load asks for a blob. The answer is due to [Machine.Loaded].
	Load struct{ Ref string }

	// Persist asks for blobs and a new root to be made durable, in the order
	// of the effects. The answer is due to [Machine.Persisted].
	Persist struct {
		Run       uint64
		Namespace string
		Owner     uint32
		Flags     int
		Root      string
		Seq       int
		Blobs     []Blob
		// Sync asks for a checkpoint even where roots are not made durable
		// with each transaction.
		Sync bool
	}

	// Done answers transactions.
	Done struct {
		IDs  []uint64
		Root string
		Seq  int
		Err  error
	}

	// Version says that a namespace has a new root.
	Version struct {
		Namespace string
		Owner     uint32
		Root      string
		Seq       int
		Keys      map[string]bool // changed, normalized; nil for all: a new namespace
	}

	// Found answers a lookup that had to wait.
	Found struct {
		Lookup *Lookup
		Result Result
	}

	// Reached answers a wait for a version.
	Reached struct {
		ID   uint64
		Root string
		Seq  int
		Err  error
	}

	// Gone says that a namespace has been removed.
	Gone struct{ Namespace string }
)

func (Load) effect()    {}
func (Persist) effect() {}
func (Done) effect()    {}
func (Version) effect() {}
func (Found) effect()   {}
func (Reached) effect() {}
func (Gone) effect()    {}

// Blob is an object to be stored.
type Blob struct {
	Ref  string
	Data []byte
}

// Advance starts what can be started and returns the effects since it was last
// called, in order.
func (m *Machine) Advance() []Effect {
	for len(m.ready) > 0 {
		ns := m.ready[0]
		m.ready = m.ready[1:]
		ns.queued = false
		m.start(ns)
	}
	e := m.effects
	m.effects = nil
	return e
}

func (m *Machine) emit(e Effect) { m.effects = append(m.effects, e) }

// need asks for a blob on behalf of w.
func (m *Machine) need(ref string, w waiter) {
	if m.loading[ref] == nil {
		m.faults++
		m.emit(Load{ref})
	}
	m.loading[ref] = append(m.loading[ref], w)
}

// Loaded is the answer to [Load].
func (m *Machine) Loaded(ref string, data []byte, err error) {
	waiting := m.loading[ref]
	delete(m.loading, ref)
	var o *object
	if err == nil {
		o = m.cache.put(&object{ref: ref, data: data})
	}
	for _, w := range waiting {
		w.loaded(m, o, err)
	}
}

// DropCache forgets what can be loaded again.
func (m *Machine) DropCache() { m.cache.clear() }

// Stats describes the machine.
type Stats struct {
	Objects    []int // sizes in bytes of the objects in memory
	Dirty      int   // objects being persisted
	Incomplete int   // objects being loaded
	Faults     int
	Spaces     []SpaceStats // by name
}

// SpaceStats describes a namespace.
type SpaceStats struct {
	Name           string
	VersionWaiters int
	NoopStores     int // blobs a transaction made that were there already
	Transactions   int // not answered yet
	Ready          int // of those, not started
	Seq            int
}

// Stats describes the machine.
func (m *Machine) Stats() Stats {
	s := Stats{Incomplete: len(m.loading), Faults: m.faults}
	for _, o := range m.cache.objects {
		s.Objects = append(s.Objects, len(o.data))
	}
	for _, r := range m.runs {
		s.Dirty += len(r.blobs)
	}
	for _, ns := range m.sorted() {
		st := SpaceStats{Name: ns.name, VersionWaiters: ns.waiters.Len(), NoopStores: ns.noops,
			Ready: len(ns.queue), Transactions: len(ns.queue), Seq: ns.seq}
		if ns.running != nil {
			st.Transactions += len(ns.running.parts)
		}
		s.Spaces = append(s.Spaces, st)
	}
	return s
}

func (m *Machine) sorted() []*namespace {
	list := make([]*namespace, 0, len(m.spaces))
	for _, ns := range m.spaces {
		list = append(list, ns)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list
}

// errNoSpace: clients know a missing namespace by this errno.
var errNoSpace error = syscall.EOPNOTSUPP

// errf is an error with an errno for clients.
func errf(num syscall.Errno, format string, args ...any) error {
	return message.Errorf(num, format, args...)
}
