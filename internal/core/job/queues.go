// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import (
	"sort"
	"syscall"

	"goflux/internal/message"
)

// Queues are the submission queues: named ones, or a single anonymous one.
type Queues struct {
	anon  *Queue
	named map[string]*Queue
}

// Queue is one queue: whether it takes jobs, and whether they are scheduled.
type Queue struct {
	Name          string
	Enabled       bool
	DisableReason string
	Started       bool
	StopReason    string
	// KeepStarted is Started as it is to be after a restart.
	KeepStarted bool

	// Parent is the queue that a virtual queue's jobs are scheduled as part of.
	Parent string
}

// NewQueues returns the anonymous queue, enabled and started.
func NewQueues() *Queues {
	return &Queues{anon: &Queue{Enabled: true, Started: true, KeepStarted: true}}
}

// Configure sets the named queues, keeping those that are there; with none,
// the anonymous queue counts. New named queues are enabled but stopped. An
// anonymous queue that comes back is as new. parent tells the parents of
// virtual queues.
func (q *Queues) Configure(names []string, parent func(name string) string) {
	if len(names) == 0 {
		if q.Named() {
			*q = *NewQueues()
		}
		return
	}
	named := make(map[string]*Queue, len(names))
	for _, n := range names {
		if named[n] = q.named[n]; named[n] == nil {
			named[n] = &Queue{Name: n, Enabled: true}
		}
		named[n].Parent = parent(n)
	}
	q.named = named
}

// Named reports whether there are named queues.
func (q *Queues) Named() bool { return len(q.named) > 0 }

// Get returns the queue of that name ("" is the anonymous one), or nil.
func (q *Queues) Get(name string) *Queue {
	if name == "" && !q.Named() {
		return q.anon
	}
	return q.named[name]
}

// StopAll stops the queues that are started, but not for good.
func (q *Queues) StopAll(reason string) {
	for _, qu := range q.All() {
		if qu.Started {
			qu.Started, qu.StopReason = false, reason
		}
	}
}

// Lookup is Get for what a user asks for. EINVAL when there is no such queue.
func (q *Queues) Lookup(name string) (*Queue, error) {
	switch qu := q.Get(name); {
	case qu != nil:
		return qu, nil
	case name == "":
		return nil, message.Errorf(syscall.EINVAL, "a named queue is required")
	}
	return nil, message.Errorf(syscall.EINVAL, "'%s' is not a valid queue", name)
}

// Started reports whether jobs of that queue are scheduled: it and its parent
// are started. A job whose queue has been removed waits.
func (q *Queues) Started(name string) bool {
	qu := q.Get(name)
	if qu == nil || !qu.Started {
		return false
	}
	return qu.Parent == "" || q.Started(qu.Parent)
}

// All returns the queues by name.
func (q *Queues) All() []*Queue {
	if !q.Named() {
		return []*Queue{q.anon}
	}
	out := make([]*Queue, 0, len(q.named))
	for _, qu := range q.named {
		out = append(out, qu)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}
