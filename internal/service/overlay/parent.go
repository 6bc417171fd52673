// SPDX-License-Identifier: LGPL-3.0-or-later

package overlay

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"goflux/hostlist"
	"goflux/internal/link"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/track"
)

// parentLink is the link to the parent: an endpoint from the start. What is
// sent before the parent has answered the first hello waits. While a parent
// that may return is away, what would go there fails at once.
type parentLink struct {
	o    *overlay
	rank uint32
	sent track.Tracker // requests that went up
	got  track.Tracker // requests that came from there

	mu       sync.RWMutex // guards the rest for links and router
	state    linkState
	stream   *link.Stream // of linkUp
	queue    []*message.Message
	said     bool // goodbye
	lastSent time.Time

	self  string // see connection: of the present, or the last
	route string

	// The rest belongs to the loop.
	free    bool                 // the parent let this broker go
	count   int                  // connections so far
	since   time.Time            // of the link's state
	waiters service.Streams[int] // for more connections than this
}

// maxQueued bounds what waits for the first connection: more than services send
// while they start.
const maxQueued = 1 << 14

type linkState int

const (
	linkNew  linkState = iota // not connected yet
	linkUp                    // connected
	linkAway                  // was connected, will be again
	linkLost                  // for good
)

func newParentLink(o *overlay) *parentLink {
	rank, _ := o.w.Topology.Parent(o.h.Rank())
	return &parentLink{o: o, rank: rank}
}

// Deliver implements service.Endpoint.
func (p *parentLink) Deliver(m *message.Message) {
	switch m.Type {
	case message.TypeRequest:
		p.sent.Request(m)
	case message.TypeResponse:
		p.got.Response(m)
	}
	p.o.traced.note("tx", p.rank, m)
	p.mu.Lock()
	state := p.state
	switch state {
	case linkNew:
		if len(p.queue) < maxQueued {
			p.queue = append(p.queue, m)
		} else {
			state = linkAway // for this message
		}
	case linkUp:
		_ = p.stream.Send(m) // a broken link is noticed by its reader
		p.lastSent = time.Now()
	}
	p.mu.Unlock()
	// What was under way when the link broke has been answered by whoever took
	// the link down.
	if (state == linkAway || state == linkLost) && m.Type == message.TypeRequest && p.sent.Forget(m) {
		p.unreachable(m)
	}
}

func (p *parentLink) unreachable(m *message.Message) {
	if !m.Is(message.FlagNoResponse) {
		p.o.router.Send(m.ErrorResponse(message.Errorf(syscall.EHOSTUNREACH, "lost contact with %s", p.name())))
	}
}

// name is the parent for people.
func (p *parentLink) name() string { return fmt.Sprintf("%s (rank %d)", p.o.host(p.rank), p.rank) }

func (p *parentLink) connected() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.state == linkUp
}

func (p *parentLink) control(kind, status uint32) {
	if p.connected() {
		p.Deliver(&message.Message{Type: message.TypeControl, ControlType: kind, ControlStatus: status})
	}
}

// keepAlive says something when nothing was said for a while.
func (p *parentLink) keepAlive(after time.Duration) {
	p.mu.RLock()
	silent := time.Since(p.lastSent) > after
	p.mu.RUnlock()
	if silent {
		p.control(controlHeartbeat, 0)
	}
}

// goodbye begins to leave; false when the parent cannot be told.
func (p *parentLink) goodbye() bool {
	p.mu.Lock()
	p.said = true
	p.mu.Unlock()
	if !p.connected() {
		return false
	}
	p.control(controlGoodbye, 0)
	return true
}

// down takes the link down into state: nothing goes out any more, and it
// returns the stream to close, and whether goodbye had been said.
func (p *parentLink) down(state linkState) (stream *link.Stream, said bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stream, said = p.stream, p.said
	p.state, p.stream, p.queue = state, nil, nil
	return stream, said
}

func (p *parentLink) close() {
	if stream, _ := p.down(linkLost); stream != nil {
		stream.Close()
	}
}

// attach makes a connection the link.
func (p *parentLink) attach(c *connection) {
	o := p.o
	o.h.Log().Debug(fmt.Sprintf("hello parent %d %s", p.rank, c.welcome.UUID))
	p.learnHosts(c.welcome.Hostlist)
	o.router.NameParent(c.route)
	p.mu.Lock()
	if p.state == linkLost {
		p.mu.Unlock()
		c.stream.Abort()
		return
	}
	for _, m := range p.queue {
		_ = c.stream.Send(m)
	}
	p.state, p.stream, p.queue, p.lastSent = linkUp, c.stream, nil, time.Now()
	p.self, p.route = c.self, c.route
	p.mu.Unlock()
	o.h.Post(p.back)
	go p.read(c)
}

// back tells those who wait that the parent is there, which may be again.
func (p *parentLink) back() {
	if !p.connected() {
		return
	}
	now := p.o.h.Now()
	if p.count++; p.count > 1 {
		p.o.h.Log().Log(context.Background(), service.LevelNotice,
			fmt.Sprintf("connected to %s again, after %.1fs", p.name(), now.Sub(p.since).Seconds()))
	}
	p.since = now
	status, _ := p.o.peers.Status() // it may have changed since the hello
	p.control(controlStatus, uint32(status))
	p.answerWaiters()
}

func (p *parentLink) answerWaiters() {
	for st := range p.waiters.All() {
		if p.answerWait(st.Call, st.State) {
			p.waiters.Remove(st)
		}
	}
}

// answerWait answers one who waits, if it is time.
func (p *parentLink) answerWait(c *service.Call, after int) bool {
	p.mu.RLock()
	state := p.state
	p.mu.RUnlock()
	switch {
	case state == linkLost:
		c.Fail(message.Errorf(syscall.EHOSTUNREACH, "lost contact with %s", p.name()))
	case state == linkUp && p.count > after:
		c.Respond(rpc.OverlayParentUp{Connections: p.count})
	default:
		return false
	}
	return true
}

// learnHosts takes the names of all brokers from the parent, where booting did
// not tell them.
func (p *parentLink) learnHosts(text string) {
	l, err := hostlist.Parse(text)
	if text == "" || err != nil {
		return
	}
	done := make(chan struct{})
	p.o.h.Post(func() {
		if p.o.w.Hosts == nil {
			p.o.w.Hosts = l
			p.o.h.SetAttr("hostlist", text)
		}
		close(done)
	})
	<-done
}

// read routes what the parent sends, to the end of the connection.
func (p *parentLink) read(c *connection) {
	for {
		m, err := c.stream.Recv()
		if err != nil {
			break
		}
		p.receive(c.route, m)
	}
	c.stream.Abort()
	p.o.h.Post(func() { p.ended(c.stream) })
}

func (p *parentLink) receive(route string, m *message.Message) {
	o := p.o
	o.traced.note("rx", p.rank, m)
	m.Cred.Rolemask &^= message.RoleLocal // it is not local here
	switch m.Type {
	case message.TypeRequest:
		p.got.Request(m)
		o.router.SendFrom(route, m)
	case message.TypeResponse:
		p.sent.Response(m)
		o.router.Send(m)
	case message.TypeEvent:
		o.router.Send(m)
	case message.TypeControl:
		switch m.ControlType {
		case controlProbe:
			p.control(controlHeartbeat, 0)
		case controlGoodbye:
			o.h.Post(p.released)
		case controlDisconnect:
			o.h.Post(func() {
				o.logCritical(p.name() + " sent disconnect control message")
				o.parentGone()
			})
		}
	}
}

// ended is called when a connection has ended, by whatever cause.
func (p *parentLink) ended(stream *link.Stream) {
	p.mu.RLock()
	current, said := p.stream == stream, p.said
	p.mu.RUnlock()
	switch {
	case !current:
	case said:
		p.o.parentGone()
	case !p.o.w.Returns:
		p.o.logCritical(p.name() + " closed the connection")
		p.o.parentGone()
	default:
		p.away("closed the connection")
	}
}

// away is the link's state until the parent is back. Jobs and clients of this
// broker stay; what waits for the parent or anybody beyond fails, and what the
// parent's side had asked for is told that nobody waits.
func (p *parentLink) away(why string) {
	p.o.h.Log().Error(fmt.Sprintf("%s %s: connecting anew", p.name(), why))
	p.cut(linkAway)
	p.since = p.o.h.Now()
	p.o.dial()
}

// cut ends the present connection.
func (p *parentLink) cut(state linkState) (said bool) {
	p.mu.RLock()
	route := p.route
	p.mu.RUnlock()
	stream, said := p.down(state)
	p.o.router.NameParent("")
	if stream != nil {
		go stream.Close() // which may wait for a peer that does not read
	}
	farewell(p.o.router, route, p.got.Drain())
	if !said { // else nobody here waits for answers any more
		for _, req := range p.sent.Drain() {
			p.unreachable(req)
		}
	}
	return said
}

// parentGone ends the link for good: what waits fails, and the broker stops
// with its subtree.
func (o *overlay) parentGone() {
	p := o.parent
	p.mu.RLock()
	was := p.state == linkLost
	p.mu.RUnlock()
	if was {
		return
	}
	said := p.cut(linkLost)
	o.router.LoseParent()
	p.answerWaiters()
	if said {
		p.released()
		return
	}
	o.post("parent-fail", true)
}

// released tells the state machine, once, that the parent knows that this
// broker leaves.
func (p *parentLink) released() {
	if !p.free {
		p.free = true
		p.o.post("goodbye", false)
	}
}

// logCritical logs what may be the last thing that this broker can say.
func (o *overlay) logCritical(text string) {
	o.h.Log().Log(context.Background(), service.LevelCrit, text)
}
