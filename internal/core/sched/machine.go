// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"errors"
	"syscall"

	"github.com/tidwall/btree"

	"goflux/idset"
	"goflux/jobid"
	"goflux/rset"
)

// Machine is the scheduler. It is used by one goroutine.
type Machine struct {
	pool    *pool
	queue   *btree.BTreeG[*waiting]
	waiting map[jobid.ID]*waiting
	running map[jobid.ID]*running
	verdict map[string]error // feasibility by request, of one generation
	// blocked is the head of the queue if it was found not to fit and nothing
	// has been freed since; it spares a look at every node for every event.
	blocked *waiting
	// backfill: others may go before the blocked head; reserved says that its
	// start has been estimated, shadow when that is (0: unknown).
	backfill, reserved bool
	shadow             float64
}

// waiting is a request in the queue.
type waiting struct {
	id       jobid.ID
	priority int64
	request  *Request
}

// running is a job that holds resources.
type running struct {
	r   *rset.R
	end float64 // seconds since the epoch, 0 for never
}

func queueOrder(a, b *waiting) bool {
	if a.priority != b.priority {
		return a.priority > b.priority
	}
	return a.id < b.id
}

// maxVerdicts bounds the requests whose feasibility is remembered.
const maxVerdicts = 1024

// New returns the scheduler of an inventory, all of which is down at first. It
// keeps the inventory, which must not be changed any more.
func New(inventory *rset.R) *Machine {
	return &Machine{
		pool:    newPool(inventory),
		queue:   btree.NewBTreeGOptions(queueOrder, btree.Options{NoLocks: true}),
		waiting: map[jobid.ID]*waiting{},
		running: map[jobid.ID]*running{},
		verdict: map[string]error{},
	}
}

// Step applies events in order and then serves the queue. now is the time in
// seconds since the epoch, from which allocations run. An event that makes no
// sense is left out and told in the error, which joins *EventErrors; the
// effects are valid all the same.
func (m *Machine) Step(now float64, events ...Event) (effects []Effect, err error) {
	for _, e := range events {
		more, bad := e.apply(m)
		effects = append(effects, more...)
		err = errors.Join(err, bad)
	}
	return m.serve(effects, now), err
}

// serve grants requests from the head of the queue while they fit.
func (m *Machine) serve(effects []Effect, now float64) []Effect {
	for {
		head, ok := m.queue.Min()
		switch {
		case !ok:
			return effects
		case head == m.blocked:
			return m.serveBehind(effects, head, now)
		}
		m.reserved = false
		if picks, slots, ok := m.pool.place(head.request); ok {
			effects = append(effects, m.grant(head, picks, slots, now))
			continue
		}
		err := m.Check(head.request)
		if err == nil {
			m.blocked = head
			return m.serveBehind(effects, head, now)
		}
		// It was feasible when it came: the inventory shrank.
		m.remove(head)
		effects = append(effects, Deny{head.id, err.Error()})
	}
}

func (m *Machine) grant(w *waiting, picks []pick, slots int64, now float64) Alloc {
	r := m.pool.takePicks(picks, slots)
	r.StartTime = now
	r.Expiration = m.pool.inventory.Expiration
	if w.request.Duration > 0 {
		r.Expiration = now + w.request.Duration
	}
	m.running[w.id] = &running{r: r, end: r.Expiration}
	m.remove(w)
	return Alloc{ID: w.id, R: r, Summary: r.Summary()}
}

func (m *Machine) remove(w *waiting) {
	m.queue.Delete(w)
	delete(m.waiting, w.id)
}

// Check says whether the inventory, idle and up, could satisfy a request; if
// not, by an *InfeasibleError.
func (m *Machine) Check(r *Request) error {
	key := r.String()
	err, known := m.verdict[key]
	if !known {
		err = m.pool.feasible(r)
		if len(m.verdict) >= maxVerdicts {
			clear(m.verdict)
		}
		m.verdict[key] = err
	}
	return err
}

func (e Hello) apply(m *Machine) ([]Effect, error) {
	if m.running[e.ID] != nil || m.waiting[e.ID] != nil {
		return nil, &EventError{e, "job is known already", syscall.EEXIST}
	}
	if missing := e.R.Ranks().Subtract(m.pool.inventory.Ranks()); !missing.Empty() {
		return nil, &EventError{e, "allocation contains ranks not in resource pool: " + missing.String(), syscall.ENOENT}
	}
	if !m.pool.takeAll(e.R) {
		return nil, &EventError{e, "allocation contains resources that do not exist or belong to another job", syscall.EINVAL}
	}
	m.running[e.ID] = &running{r: e.R, end: e.R.Expiration}
	return nil, nil
}

func (e Submit) apply(m *Machine) ([]Effect, error) {
	if m.running[e.ID] != nil || m.waiting[e.ID] != nil {
		return nil, &EventError{e, "job is known already", syscall.EEXIST}
	}
	if err := m.Check(e.Request); err != nil {
		return []Effect{Deny{e.ID, err.Error()}}, nil
	}
	w := &waiting{id: e.ID, priority: e.Priority, request: e.Request}
	m.waiting[e.ID] = w
	m.queue.Set(w)
	return nil, nil
}

func (e Cancel) apply(m *Machine) ([]Effect, error) {
	w := m.waiting[e.ID]
	if w == nil {
		return nil, nil
	}
	m.remove(w)
	return []Effect{Canceled(e)}, nil
}

func (e Prioritize) apply(m *Machine) ([]Effect, error) {
	if w := m.waiting[e.ID]; w != nil {
		m.queue.Delete(w)
		w.priority = e.Priority
		m.queue.Set(w)
	}
	return nil, nil
}

func (e Free) apply(m *Machine) ([]Effect, error) {
	job := m.running[e.ID]
	if job == nil {
		return nil, &EventError{e, "job holds no resources", syscall.ENOENT}
	}
	ranks := e.Ranks
	if ranks == nil {
		ranks = job.r.Ranks()
	}
	if extra := ranks.Subtract(job.r.Ranks()); !extra.Empty() {
		return nil, &EventError{e, "ranks not in job allocation: " + extra.String(), syscall.EINVAL}
	}
	rest := job.r.Ranks().Subtract(ranks)
	if e.Final && !rest.Empty() {
		return nil, &EventError{e, "ranks of job allocation not freed: " + rest.String(), syscall.EINVAL}
	}
	m.pool.give(job.r.Subset(ranks))
	m.blocked = nil
	if rest.Empty() {
		delete(m.running, e.ID)
	} else {
		job.r = job.r.Subset(rest)
	}
	return nil, nil
}

func (e Expiration) apply(m *Machine) ([]Effect, error) {
	job := m.running[e.ID]
	switch {
	case job == nil:
		return nil, &EventError{e, "job holds no resources", syscall.ENOENT}
	case !(e.At >= 0):
		return nil, &EventError{e, "invalid expiration", syscall.EINVAL}
	}
	job.end = e.At
	m.blocked = nil // its start is to be estimated anew
	return nil, nil
}

func (e Up) apply(m *Machine) ([]Effect, error) {
	if m.pool.setUp(e.Ranks, true) {
		m.blocked = nil
	}
	return nil, nil
}

func (e Down) apply(m *Machine) ([]Effect, error) {
	m.pool.setUp(e.Ranks, false)
	return nil, nil
}

func (e Shrink) apply(m *Machine) ([]Effect, error) {
	m.pool.shrink(e.Ranks)
	clear(m.verdict)
	m.blocked = nil // it may have to be denied now
	return nil, nil
}

func (e ResourceExpiration) apply(m *Machine) ([]Effect, error) {
	if !(e.At >= 0) {
		return nil, &EventError{e, "invalid expiration", syscall.EINVAL}
	}
	inventory := m.pool.inventory.Clone()
	inventory.Expiration = e.At
	m.pool.inventory = inventory
	return nil, nil
}

// All returns the inventory. It must not be changed.
func (m *Machine) All() *rset.R { return m.pool.inventory }

// Allocated returns what jobs hold.
func (m *Machine) Allocated() *rset.R { return m.pool.held() }

// Down returns the nodes that are not available, whole.
func (m *Machine) Down() *rset.R {
	ranks := idset.New()
	for rank := range m.pool.inventory.Ranks().All() {
		if !m.pool.nodes[rank].up {
			ranks.Add(rank)
		}
	}
	down := m.pool.inventory.Subset(ranks)
	down.Scheduling = nil
	return down
}

// Pending is the number of requests that wait.
func (m *Machine) Pending() int { return len(m.waiting) }

// Running is the number of jobs that hold resources.
func (m *Machine) Running() int { return len(m.running) }

// Holds returns what a job holds, nil if nothing. It must not be changed.
func (m *Machine) Holds(id jobid.ID) *rset.R {
	if job := m.running[id]; job != nil {
		return job.r
	}
	return nil
}
