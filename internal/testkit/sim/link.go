// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"slices"
	"time"

	"goflux/internal/message"
)

// lane is one direction of the network between a broker and its parent.
type lane struct {
	a       *actor
	blocked bool
	slow    time.Duration // added to every message's way
	last    time.Duration // when the last message arrives: a link keeps order
	waiting []func()      // to be done when it is open again
}

// Latency of a message between brokers.
const (
	fastestHop = 20 * time.Microsecond
	slowestHop = 400 * time.Microsecond
)

func (l *lane) latency() time.Duration { return l.slow + l.a.between(fastestHop, slowestHop) }

func (l *lane) open() {
	l.blocked = false
	waiting := l.waiting
	l.waiting = nil
	for _, fn := range waiting {
		fn()
	}
}

// end is a broker's end of a connection.
type end struct {
	w    *world
	b    *broker
	peer *end
	out  *lane

	held    []*message.Message // the lane is blocked
	flight  []sent             // on the wire, in order
	landing bool               // the first of them is expected
	land    func()             // arrive, made once
	inbox   []*message.Message // while the broker is paused
	reading bool               // a turn to read is coming
	broken  bool
	eof     bool // the peer has closed
	receive func(*message.Message)
	lost    func()
}

// sent is a message on the wire.
type sent struct {
	at time.Duration // when it arrives
	m  *message.Message
}

// connect makes a connection between a broker and its parent.
func connect(w *world, child, parent *broker, up, down *lane) (c, p *end) {
	c = &end{w: w, b: child, out: up}
	p = &end{w: w, b: parent, out: down, peer: c}
	c.peer = p
	c.land, p.land = c.arrive, p.arrive
	child.keep(c)
	parent.keep(p)
	return c, p
}

// userTimeout is how long data may remain unacknowledged before a connection
// is given up (tbon.tcp_user_timeout).
const userTimeout = 20 * time.Second

func (e *end) send(m *message.Message) {
	if e.broken {
		return
	}
	if e.out.blocked || len(e.held) > 0 {
		e.hold(m)
		return
	}
	e.transmit(m)
}

func (e *end) hold(m *message.Message) {
	e.held = append(e.held, m)
	if len(e.held) > 1 {
		return
	}
	sent := false
	e.out.waiting = append(e.out.waiting, func() {
		sent = true
		held := e.held
		e.held = nil
		for i, m := range held {
			if e.out.blocked {
				e.held = held[i:]
				return
			}
			if !e.broken {
				e.transmit(m)
			}
		}
	})
	e.w.after(e.out.a, userTimeout, func() {
		if !sent {
			e.giveUp()
		}
	})
}

// transmit puts a message on the wire.
func (e *end) transmit(m *message.Message) {
	l := e.out
	l.last = max(l.last, e.w.now+l.latency())
	e.flight = append(e.flight, sent{l.last, m})
	e.expect()
}

// expect has the first message on the wire arrive in time.
func (e *end) expect() {
	if !e.landing && len(e.flight) > 0 {
		e.landing = true
		e.w.at(e.out.a, e.flight[0].at, e.land)
	}
}

// arrive is what is on the wire coming to its end, all that is due. If the other
// end is gone, this one learns that.
func (e *end) arrive() {
	n := 0
	for n < len(e.flight) && e.flight[n].at <= e.w.now {
		n++
	}
	due := e.flight[:n:n]
	e.flight = e.flight[n:]
	e.landing = false
	e.expect()
	p := e.peer
	for _, s := range due {
		p.arrived(s.m)
	}
	clear(due)
	if len(e.flight) == 0 {
		e.flight = due[:0]
	}
	if p.broken && !p.b.node.off && !p.out.blocked {
		e.w.after(e.out.a, p.out.latency(), e.giveUp) // reset
	}
}

// arrived takes in a message, or leaves it to be read when the broker gets to
// it.
func (e *end) arrived(m *message.Message) {
	switch {
	case e.b.dead || e.broken:
	case e.b.node.paused || e.reading:
		e.inbox = append(e.inbox, m)
		e.readLater()
	default:
		e.receive(e.w.carried(m))
	}
}

// readLater has a broker that is paused read what has come when it goes on.
func (e *end) readLater() {
	if e.reading {
		return
	}
	e.reading = true
	e.b.node.whenResumed(e.out.a, e.read)
}

func (e *end) read() {
	e.reading = false
	if e.b.dead || e.broken {
		return
	}
	if e.b.node.paused {
		e.readLater()
		return
	}
	msgs := e.inbox
	e.inbox = nil
	for _, m := range msgs {
		if e.broken {
			return
		}
		e.receive(e.w.carried(m))
	}
	if e.eof {
		e.giveUp()
	}
}

// carried is a message as the other side has it: its payload in bytes if the
// options say so, and its sender not local.
func (w *world) carried(m *message.Message) *message.Message {
	raw := w.opt.Encode && m.Value() != nil
	if !raw && m.Cred.Rolemask&message.RoleLocal == 0 {
		return m
	}
	if m == w.crossed {
		return w.across // an event goes to many
	}
	c := *m
	if raw {
		c.SetRaw(m.Payload())
	}
	c.Cred.Rolemask &^= message.RoleLocal
	w.crossed, w.across = m, &c
	return &c
}

// giveUp closes this end, for it has found the connection broken.
func (e *end) giveUp() {
	if e.broken || e.b.dead {
		return
	}
	if e.b.node.paused {
		e.b.node.whenResumed(e.out.a, e.giveUp)
		return
	}
	e.close()
	e.lost()
}

// close closes this end. The other one reads the end of the stream, unless it
// cannot be told: then it finds out in its own time.
func (e *end) close() {
	if e.broken {
		return
	}
	e.broken, e.held, e.inbox = true, nil, nil
	e.farewell()
}

const slowestDiscovery = 90 * time.Second

func (e *end) farewell() {
	p, l := e.peer, e.out
	if l.blocked {
		e.w.after(l.a, l.a.between(userTimeout, slowestDiscovery), p.giveUp)
		return
	}
	l.last = max(l.last, e.w.now+l.latency())
	e.w.at(l.a, l.last, func() {
		p.eof = true
		if !p.reading {
			p.read()
		}
	})
}

// cut ends this end with its node: nobody says goodbye.
func (e *end) cut() {
	if e.broken {
		return
	}
	e.broken, e.held, e.inbox = true, nil, nil
	e.w.after(e.out.a, e.out.a.between(userTimeout/2, 2*userTimeout), e.peer.giveUp)
}

// keep notes an end of a connection that ends with the broker.
func (b *broker) keep(e *end) {
	if len(b.ends) == cap(b.ends) {
		b.ends = slices.DeleteFunc(b.ends, func(e *end) bool { return e.broken })
	}
	b.ends = append(b.ends, e)
}
