// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"container/heap"
	"syscall"

	"goflux/treeobj"
)

// namespace is a root and what is under way to change it.
type namespace struct {
	name  string
	owner uint32
	flags int
	root  string
	seq   int

	queue   []*Transaction
	running *run
	queued  bool // in Machine.ready
	removed bool
	noops   int
	waiters waitHeap
}

// Info describes a namespace.
type Info struct {
	Name  string
	Owner uint32
	Flags int
	Root  string
	Seq   int
}

// EmptyRoot is the blob of an empty directory, which a new store begins with.
func (m *Machine) EmptyRoot() Blob { return emptyRoot(m.hash) }

func emptyRoot(h treeobj.Hash) Blob {
	data := treeobj.Encode(treeobj.NewDir())
	return Blob{treeobj.Blobref(h, data), data}
}

// CreateNamespace adds a namespace. EEXIST when the name is taken, EINVAL for
// a root that is no blobref.
func (m *Machine) CreateNamespace(i Info) error {
	if i.Name == "" {
		return errf(syscall.EINVAL, "a namespace needs a name")
	}
	if _, taken := m.spaces[i.Name]; taken {
		return syscall.EEXIST
	}
	if err := treeobj.CheckBlobref(i.Root); err != nil {
		return errf(syscall.EINVAL, "namespace %s: %v", i.Name, err)
	}
	m.spaces[i.Name] = &namespace{name: i.Name, owner: i.Owner, flags: i.Flags, root: i.Root, seq: i.Seq}
	m.emit(Version{Namespace: i.Name, Owner: i.Owner, Root: i.Root, Seq: i.Seq})
	return nil
}

// RemoveNamespace removes a namespace: what waits for it fails with
// EOPNOTSUPP. It reports whether there was one. The primary one cannot be
// removed: EOPNOTSUPP.
func (m *Machine) RemoveNamespace(name string) (bool, error) {
	if name == Primary {
		return false, errf(syscall.EOPNOTSUPP, "the primary namespace cannot be removed")
	}
	ns := m.spaces[name]
	if ns == nil {
		return false, nil
	}
	delete(m.spaces, name)
	ns.removed = true
	if ns.running != nil {
		m.fail(ns.running.parts, errNoSpace)
		ns.running = nil
	}
	m.fail(ns.queue, errNoSpace)
	ns.queue = nil
	for _, w := range ns.waiters {
		m.emit(Reached{ID: w.id, Err: errNoSpace})
	}
	m.emit(Gone{name})
	return true, nil
}

// Namespaces lists the namespaces by name.
func (m *Machine) Namespaces() []Info {
	var list []Info
	for _, ns := range m.sorted() {
		list = append(list, ns.info())
	}
	return list
}

func (ns *namespace) info() Info {
	return Info{Name: ns.name, Owner: ns.owner, Flags: ns.flags, Root: ns.root, Seq: ns.seq}
}

// Namespace describes one namespace. EOPNOTSUPP when it is not there.
func (m *Machine) Namespace(name string) (Info, error) {
	ns := m.spaces[name]
	if ns == nil {
		return Info{}, errNoSpace
	}
	return ns.info(), nil
}

// WaitVersion answers by a [Reached] with the given id once the namespace has
// version seq. EOPNOTSUPP when there is no such namespace.
func (m *Machine) WaitVersion(name string, seq int, id uint64) error {
	ns := m.spaces[name]
	switch {
	case ns == nil:
		return errNoSpace
	case ns.seq >= seq:
		m.emit(Reached{ID: id, Root: ns.root, Seq: ns.seq})
	case ns.waiters.Len() >= maxWaiters:
		return errf(syscall.EAGAIN, "%d requests wait for versions of namespace %s already", maxWaiters, name)
	default:
		heap.Push(&ns.waiters, wait{seq, id})
	}
	return nil
}

// ForgetWait drops a wait for a version.
func (m *Machine) ForgetWait(id uint64) {
	for _, ns := range m.spaces {
		for i, w := range ns.waiters {
			if w.id == id {
				heap.Remove(&ns.waiters, i)
				return
			}
		}
	}
}

// wake answers the waits that the namespace's version fulfils.
func (m *Machine) wake(ns *namespace) {
	for ns.waiters.Len() > 0 && ns.waiters[0].seq <= ns.seq {
		w := heap.Pop(&ns.waiters).(wait)
		m.emit(Reached{ID: w.id, Root: ns.root, Seq: ns.seq})
	}
}

type wait struct {
	seq int
	id  uint64
}

// waitHeap has the lowest version first; of equal ones the oldest.
type waitHeap []wait

func (h waitHeap) Len() int { return len(h) }
func (h waitHeap) Less(i, j int) bool {
	return h[i].seq < h[j].seq || h[i].seq == h[j].seq && h[i].id < h[j].id
}
func (h waitHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *waitHeap) Push(x any)   { *h = append(*h, x.(wait)) }
func (h *waitHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	*h = old[:len(old)-1]
	return w
}
