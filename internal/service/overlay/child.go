// SPDX-License-Identifier: LGPL-3.0-or-later

package overlay

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	core "goflux/internal/core/overlay"
	"goflux/internal/link"
	"goflux/internal/message"
	"goflux/internal/track"
)

// childLink is the link to a child that has said hello: an endpoint.
type childLink struct {
	o      *overlay
	rank   uint32
	uuid   string // the route id of this connection
	stream *link.Stream
	sent   track.Tracker // requests that went to the child
	got    track.Tracker // requests that came from there
	seen   atomic.Int64  // unix nanoseconds

	mu   sync.RWMutex // of gone, and until what is sent is sent
	gone bool
}

// Deliver implements service.Endpoint.
func (c *childLink) Deliver(m *message.Message) {
	switch m.Type {
	case message.TypeRequest:
		c.sent.Request(m)
	case message.TypeResponse:
		c.got.Response(m)
	}
	c.o.traced.note("tx", c.rank, m)
	c.mu.RLock()
	gone := c.gone
	if !gone {
		_ = c.stream.Send(m) // a link that is broken is noticed by its reader, who fails what waits
	}
	c.mu.RUnlock()
	if gone && m.Type == message.TypeRequest && c.sent.Forget(m) {
		c.unreachable(m)
	}
}

func (c *childLink) unreachable(m *message.Message) {
	if !m.Is(message.FlagNoResponse) {
		c.o.router.Send(m.ErrorResponse(syscall.EHOSTUNREACH))
	}
}

func (c *childLink) lastSeen() time.Time { return time.Unix(0, c.seen.Load()) }

func (c *childLink) control(kind, status uint32) {
	m := &message.Message{Type: message.TypeControl, ControlType: kind, ControlStatus: status}
	c.o.traced.note("tx", c.rank, m)
	_ = c.stream.Send(m) // to a child that is gone there is nothing to say
}

// fail closes the link, answers what the child has not, and tells those who
// serve it or what is below it that nobody waits any more.
func (c *childLink) fail() {
	c.mu.Lock()
	c.gone = true
	c.mu.Unlock()
	for _, req := range c.sent.Drain() {
		c.unreachable(req)
	}
	farewell(c.o.router, c.uuid, c.got.Drain())
	go c.stream.Close() // which may wait for a peer that does not read
}

// read routes what the child sends.
func (c *childLink) read() {
	for {
		m, err := c.stream.Recv()
		if err != nil {
			c.o.h.Post(c.lost)
			return
		}
		c.seen.Store(time.Now().UnixNano())
		c.o.traced.note("rx", c.rank, m)
		m.Cred.Rolemask &^= message.RoleLocal // it is not local here
		switch m.Type {
		case message.TypeRequest:
			c.got.Request(m)
			c.o.router.SendFrom(c.uuid, m)
		case message.TypeResponse:
			c.sent.Response(m)
			c.o.router.Send(m)
		case message.TypeEvent:
			m.Sequence = 0 // what comes from below is not published yet
			c.o.router.Send(m)
		case message.TypeControl:
			c.o.h.Post(func() { c.controlled(m.ControlType, m.ControlStatus) })
		}
	}
}

// lost is called when the connection has ended, by whatever cause.
func (c *childLink) lost() {
	if c.o.child(c.rank) != c {
		c.stream.Abort()
		return
	}
	c.o.logLost(c.rank, "failed")
	c.o.update(c.o.peers.Get(c.rank), core.Lost, "lost connection")
}

// controlled takes a message about the link itself.
func (c *childLink) controlled(kind, status uint32) {
	if c.o.child(c.rank) != c {
		return
	}
	p := c.o.peers.Get(c.rank)
	switch kind {
	case controlStatus:
		if s := core.Status(status); s.Online() {
			c.o.update(p, s, "")
		}
	case controlGoodbye:
		c.control(controlGoodbye, 0)
		c.o.update(p, core.Offline, "administrative shutdown")
	}
}
