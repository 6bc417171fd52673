// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import "time"

// event is something that will happen. There are millions: it has no pointer,
// so that neither the heap's moves nor the garbage collector care.
type event struct {
	at    time.Duration
	actor uint32
	n     uint32 // of the actor's
	slot  uint32 // where the queue has what is to be done
}

func (e *event) before(o *event) bool {
	if e.at != o.at {
		return e.at < o.at
	}
	if e.actor != o.actor {
		return e.actor < o.actor
	}
	return e.n < o.n
}

// queue is a heap of four branches by time, then by actor.
type queue struct {
	heap []event
	fns  []func()
	free []uint32 // slots of fns
}

// due tells whether something happens by then.
func (q *queue) due(until time.Duration) bool { return len(q.heap) > 0 && q.heap[0].at <= until }

func (q *queue) push(e event, fn func()) {
	if n := len(q.free); n > 0 {
		e.slot = q.free[n-1]
		q.free = q.free[:n-1]
		q.fns[e.slot] = fn
	} else {
		e.slot = uint32(len(q.fns))
		q.fns = append(q.fns, fn)
	}
	q.heap = append(q.heap, e)
	h := q.heap
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !e.before(&h[up]) {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = e
}

// pop takes the next event.
func (q *queue) pop() (event, func()) {
	top := q.heap[0]
	last := len(q.heap) - 1
	e := q.heap[last]
	q.heap = q.heap[:last]
	if last > 0 {
		q.sink(e)
	}
	fn := q.fns[top.slot]
	q.fns[top.slot] = nil
	q.free = append(q.free, top.slot)
	return top, fn
}

// sink puts an event in the place of the first, and from there where it belongs.
func (q *queue) sink(e event) {
	h := q.heap
	i := 0
	for {
		least, child := -1, &e
		for c := 4*i + 1; c <= 4*i+4 && c < len(h); c++ {
			if h[c].before(child) {
				least, child = c, &h[c]
			}
		}
		if least < 0 {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
}
