// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"fmt"
	"io"
	"time"

	"goflux/internal/message"
)

// world is the one queue of events with all that happens in it.
type world struct {
	opt    Options
	now    time.Duration // since the beginning
	queue  queue
	actors uint32
	events int
	ids    int // of route ids

	nodes  []*node
	tree   *tree
	check  *checker
	users  []*user
	desk   *desk
	admin  *admin
	drills *drills
	quiet  bool // the faults have ended
	// The last message that went from one broker to another, and as what it came.
	crossed, across *message.Message
	failure         error

	trace  uint64 // hash of everything that has happened
	detail io.Writer
	logged []string // the last of the brokers' logs
}

// epoch is when the simulated history begins.
var epoch = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

// actor is whoever makes things happen. It draws its own numbers, and orders
// its own events: so what one does leaves the choices of the others alone, and
// nothing depends on the order in which a map is walked.
type actor struct {
	id    uint32
	count uint32
	state uint64
}

func (w *world) newActor() *actor {
	w.actors++
	a := &actor{id: w.actors, state: mix(uint64(w.opt.Seed)) ^ mix(uint64(w.actors)<<20)}
	return a
}

// mix is the finalizer of splitmix64.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (a *actor) uint64() uint64 {
	a.state += 0x9e3779b97f4a7c15
	return mix(a.state)
}

// intn is a number from 0 to n-1.
func (a *actor) intn(n int) int { return int(a.uint64() % uint64(n)) }

// chance is true with probability p.
func (a *actor) chance(p float64) bool { return float64(a.uint64()>>11)/(1<<53) < p }

// between is a duration from lo to hi.
func (a *actor) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(a.uint64()%uint64(hi-lo+1))
}

// after has fn happen after d.
func (w *world) after(a *actor, d time.Duration, fn func()) {
	w.at(a, w.now+max(d, 0), fn)
}

func (w *world) at(a *actor, when time.Duration, fn func()) {
	a.count++
	w.queue.push(event{at: max(when, w.now), actor: a.id, n: a.count}, fn)
}

// run lets things happen until the given time, or a promise is broken.
func (w *world) run(until time.Duration) {
	for w.failure == nil && w.queue.due(until) {
		e, fn := w.queue.pop()
		w.now = e.at
		w.events++
		w.mix(uint64(e.at))
		w.mix(uint64(e.actor)<<32 | uint64(e.n))
		fn()
	}
	if w.failure == nil {
		w.now = max(w.now, until)
	}
}

func (w *world) mix(v uint64) { w.trace = mix(w.trace ^ v) }

// note adds a line to the history: to its hash, and to the listing if there is
// one.
func (w *world) note(kind string, args ...any) {
	if w.detail == nil {
		return
	}
	fmt.Fprintf(w.detail, "%13.6f %s", w.now.Seconds(), kind)
	for _, a := range args {
		fmt.Fprintf(w.detail, " %v", a)
	}
	fmt.Fprintln(w.detail)
}

// mixText takes in a text by its FNV-1a hash.
func (w *world) mixText(s string) {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	w.mix(h)
}

// fail ends the run: a promise is broken.
func (w *world) fail(format string, args ...any) {
	if w.failure == nil {
		w.failure = fmt.Errorf(format, args...)
		w.note("FAILURE", w.failure)
	}
}

// newID makes a route id.
func (w *world) newID() string {
	w.ids++
	return fmt.Sprintf("%08x-%s", w.ids, w.opt.name())
}
