// SPDX-License-Identifier: LGPL-3.0-or-later

package overlay

import (
	"slices"
	"time"
)

// Status tells how a subtree is doing. The numbers are on the wire between
// brokers.
type Status int

// The states of a subtree.
const (
	Unknown  Status = iota
	Full            // all are online
	Partial         // some are not there
	Degraded        // some were lost
	Lost            // its root was lost
	Offline         // its root has left, or never came
)

var statusNames = [...]string{"unknown", "full", "partial", "degraded", "lost", "offline"}

func (s Status) String() string {
	if s < 0 || int(s) >= len(statusNames) {
		return "unknown"
	}
	return statusNames[s]
}

// Online tells whether the root of a subtree in that state is connected.
func (s Status) Online() bool { return s == Full || s == Partial || s == Degraded }

// Peer is a child.
type Peer struct {
	Rank   uint32
	Status Status
	Since  time.Time // of the status
	Torpid bool
	// Error says why it is not online.
	Error string

	seen time.Time // when it was last heard from
}

// Peers are a broker's children and, by them, the state of its own subtree.
type Peers struct {
	list   []*Peer // ascending
	status Status
	since  time.Time
}

// NewPeers returns the table of the given children, none of them there yet.
func NewPeers(ranks []uint32, now time.Time) *Peers {
	p := &Peers{status: Full, since: now}
	for _, r := range ranks {
		p.list = append(p.list, &Peer{Rank: r, Status: Offline, Since: now})
		p.status = Partial
	}
	return p
}

// Status is the state of this broker's subtree, and since when.
func (p *Peers) Status() (Status, time.Time) { return p.status, p.since }

// All returns the children in order of rank.
func (p *Peers) All() []*Peer { return p.list }

// Get returns the child of that rank, or nil.
func (p *Peers) Get(rank uint32) *Peer {
	i, ok := slices.BinarySearchFunc(p.list, rank, func(e *Peer, r uint32) int { return int(int64(e.Rank) - int64(r)) })
	if !ok {
		return nil
	}
	return p.list[i]
}

// Online counts the children that are connected.
func (p *Peers) Online() int {
	n := 0
	for _, e := range p.list {
		if e.Status.Online() {
			n++
		}
	}
	return n
}

// Change is what an update of a child did.
type Change struct {
	Peer    *Peer
	Changed bool // the child's status
	Left    bool // it was online and is no longer
	Subtree bool // this broker's own subtree changed, too
}

// Update takes in a child's status with the reason, if it is not online.
func (p *Peers) Update(peer *Peer, s Status, reason string, now time.Time) Change {
	c := Change{Peer: peer, Changed: peer.Status != s}
	peer.Error = reason
	peer.seen = now
	if !c.Changed {
		return c
	}
	c.Left = peer.Status.Online() && !s.Online()
	peer.Status, peer.Since = s, now
	if !s.Online() {
		peer.Torpid = false
	}
	if sum := p.sum(); sum != p.status {
		p.status, p.since = sum, now
		c.Subtree = true
	}
	return c
}

// sum is the state of the subtree: the worst of its children's.
func (p *Peers) sum() Status {
	s := Full
	for _, e := range p.list {
		switch e.Status {
		case Partial, Offline:
			if s == Full {
				s = Partial
			}
		case Degraded, Lost:
			return Degraded
		}
	}
	return s
}

// Heard notes that a child said something.
func (p *Peers) Heard(peer *Peer, now time.Time) { peer.seen = now }

// Silence is how long a child has said nothing.
func (e *Peer) Silence(now time.Time) time.Duration { return now.Sub(e.seen) }

// Torpor finds the children whose torpidity has changed: those online that have
// said nothing for longer than limit are torpid. A limit of 0 makes none so.
func (p *Peers) Torpor(limit time.Duration, now time.Time) []*Peer {
	var changed []*Peer
	for _, e := range p.list {
		if !e.Status.Online() {
			continue
		}
		if torpid := limit > 0 && e.Silence(now) >= limit; torpid != e.Torpid {
			e.Torpid = torpid
			changed = append(changed, e)
		}
	}
	return changed
}
