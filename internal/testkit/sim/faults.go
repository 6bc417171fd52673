// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"strings"
	"time"
)

// drills make things go wrong until the faults have ended.
type drills struct {
	w      *world
	counts map[string]int
}

// drill is a kind of fault: how often it comes, and what it does.
type drill struct {
	name  string
	every time.Duration // on average, in a small instance
	do    func(d *drills, a *actor)
}

// smallInstance has so many brokers: in larger ones faults of any broker come
// the more often. The leader is one there, too, but what it has to do is done in
// a few minutes, in which it shall have its share.
const (
	smallInstance = 32
	largeInstance = 256
	leaderShare   = 2
)

// allDrills is every kind of fault.
var allDrills = []drill{
	{"broker killed", 40 * time.Second, func(d *drills, a *actor) { d.any(a).kill(false) }},
	{"leader killed", 90 * time.Second, func(d *drills, a *actor) { d.w.nodes[0].kill(false) }},
	{"node without power", 120 * time.Second, func(d *drills, a *actor) { d.any(a).kill(true) }},
	{"leader without power", 300 * time.Second, func(d *drills, a *actor) { d.w.nodes[0].kill(true) }},
	{"leader shut down", 240 * time.Second, func(d *drills, a *actor) {
		if b := d.w.nodes[0].broker; b != nil && b.online && !b.node.paused {
			b.shutdown()
		}
	}},
	{"broker paused", 60 * time.Second, func(d *drills, a *actor) { d.pause(a, d.any(a)) }},
	{"leader paused", 200 * time.Second, func(d *drills, a *actor) { d.pause(a, d.w.nodes[0]) }},
	{"partition", 60 * time.Second, (*drills).partition},
	{"one-way partition", 60 * time.Second, (*drills).oneWay},
	{"flapping link", 120 * time.Second, (*drills).flap},
	{"slow link", 60 * time.Second, (*drills).slow},
	{"clock set", 120 * time.Second, func(d *drills, a *actor) { d.jump(a, d.any(a)) }},
	{"leader's clock set", 300 * time.Second, func(d *drills, a *actor) { d.jump(a, d.w.nodes[0]) }},
	{"disk full", 300 * time.Second, (*drills).fill},
}

func (w *world) startDrills() *drills {
	d := &drills{w: w, counts: map[string]int{}}
	for _, kind := range allDrills {
		a := w.newActor()
		every := kind.every
		switch leaders := strings.Contains(kind.name, "leader") || kind.name == "disk full"; {
		case !leaders:
			every = every * smallInstance / time.Duration(max(smallInstance, len(w.nodes)))
		case len(w.nodes) >= largeInstance:
			every /= leaderShare
		}
		var next func()
		next = func() {
			w.after(a, a.between(0, 2*every), func() {
				if w.quiet {
					return
				}
				d.counts[kind.name]++
				w.note("FAULT", kind.name)
				kind.do(d, a)
				next()
			})
		}
		next()
	}
	return d
}

// any is a follower, or the only node.
func (d *drills) any(a *actor) *node {
	if len(d.w.nodes) == 1 {
		return d.w.nodes[0]
	}
	return d.w.nodes[1+a.intn(len(d.w.nodes)-1)]
}

func (d *drills) pause(a *actor, n *node) {
	n.pause()
	b := n.broker
	d.w.after(a, a.between(100*time.Millisecond, 40*time.Second), func() {
		if n.broker == b {
			n.unpause()
		}
	})
}

// lanes are those between a broker and its parent.
func (d *drills) lanes(a *actor) (up, down *lane) {
	rank := d.any(a).rank
	return d.w.tree.up[rank], d.w.tree.down[rank]
}

func (d *drills) block(a *actor, l *lane, most time.Duration) {
	l.blocked = true
	d.w.after(a, a.between(50*time.Millisecond, most), l.open)
}

func (d *drills) partition(a *actor) {
	up, down := d.lanes(a)
	most := 5 * time.Second
	if a.chance(0.5) {
		most = time.Minute
	}
	d.block(a, up, most)
	d.block(a, down, most)
}

func (d *drills) oneWay(a *actor) {
	up, down := d.lanes(a)
	if a.chance(0.5) {
		up = down
	}
	d.block(a, up, time.Minute)
}

func (d *drills) flap(a *actor) {
	up, down := d.lanes(a)
	var again func(n int)
	again = func(n int) {
		if n == 0 || d.w.quiet {
			return
		}
		d.block(a, up, 500*time.Millisecond)
		d.block(a, down, 500*time.Millisecond)
		d.w.after(a, a.between(100*time.Millisecond, 2*time.Second), func() { again(n - 1) })
	}
	again(3 + a.intn(10))
}

func (d *drills) slow(a *actor) {
	up, down := d.lanes(a)
	up.slow = a.between(10*time.Millisecond, 3*time.Second)
	down.slow = a.between(10*time.Millisecond, 3*time.Second)
	d.w.after(a, a.between(time.Second, 30*time.Second), func() { up.slow, down.slow = 0, 0 })
}

// jump sets a node's clock.
func (d *drills) jump(a *actor, n *node) {
	by := a.between(time.Millisecond, time.Hour)
	if a.chance(0.5) {
		by = a.between(time.Millisecond, 2*time.Second)
	}
	if a.chance(0.5) {
		by = -by
	}
	n.behind += by
}

func (d *drills) fill(a *actor) {
	disk := d.w.nodes[0].disk
	disk.fill(a.intn(30))
	d.w.after(a, a.between(100*time.Millisecond, 20*time.Second), func() { disk.full = false })
}

// heal ends all faults.
func (w *world) heal() {
	w.quiet = true
	w.note("HEALED")
	for i := range w.nodes {
		w.tree.up[i].slow, w.tree.down[i].slow = 0, 0
		w.tree.up[i].open()
		w.tree.down[i].open()
		w.nodes[i].unpause()
	}
	w.nodes[0].disk.full = false
}
