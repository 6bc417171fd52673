// SPDX-License-Identifier: LGPL-3.0-or-later

package overlay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"goflux/hostlist"
	"goflux/internal/install"
	"goflux/internal/link"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/track"
)

// parentLink is the link to the parent: an endpoint from the start. What is
// sent before the parent has answered the hello waits.
type parentLink struct {
	o     *overlay
	rank  uint32
	track track.Tracker // requests that went up

	mu       sync.Mutex
	stream   *link.Stream
	queue    []*message.Message
	lost     bool
	said     bool // goodbye
	lastSent time.Time

	free bool // of the loop: the parent let this broker go
}

func newParentLink(o *overlay) *parentLink {
	rank, _ := o.w.Topology.Parent(o.h.Rank())
	return &parentLink{o: o, rank: rank}
}

// Deliver implements service.Endpoint.
func (p *parentLink) Deliver(m *message.Message) {
	if m.Type == message.TypeRequest {
		p.track.Request(m)
	}
	p.mu.Lock()
	lost, stream := p.lost, p.stream
	switch {
	case lost:
	case stream == nil:
		p.queue = append(p.queue, m)
	default:
		_ = stream.Send(m) // a broken link is noticed by its reader
		p.lastSent = time.Now()
	}
	p.mu.Unlock()
	if lost && m.Type == message.TypeRequest {
		p.track.Forget(m)
		if !m.Is(message.FlagNoResponse) {
			p.o.router.Send(m.ErrorResponse(syscall.EHOSTUNREACH))
		}
	}
	p.o.traced.note("tx", p.rank, m)
}

func (p *parentLink) control(kind, status uint32) {
	p.mu.Lock()
	connected := p.stream != nil && !p.lost
	p.mu.Unlock()
	if connected {
		p.Deliver(&message.Message{Type: message.TypeControl, ControlType: kind, ControlStatus: status})
	}
}

// keepAlive says something when nothing was said for a while.
func (p *parentLink) keepAlive(after time.Duration) {
	p.mu.Lock()
	silent := p.stream != nil && time.Since(p.lastSent) > after
	p.mu.Unlock()
	if silent {
		p.control(controlHeartbeat, 0)
	}
}

// goodbye begins to leave; false when the parent cannot be told.
func (p *parentLink) goodbye() bool {
	p.mu.Lock()
	connected := p.stream != nil && !p.lost
	p.said = true
	p.mu.Unlock()
	if connected {
		p.control(controlGoodbye, 0)
	}
	return connected
}

func (p *parentLink) close() {
	p.mu.Lock()
	stream := p.stream
	p.lost = true
	p.mu.Unlock()
	if stream != nil {
		stream.Close()
	}
}

// How long to wait before trying to connect again: at first little, since
// brokers that are started together come up together.
const (
	firstRetry = 5 * time.Millisecond
	lastRetry  = time.Second
)

// dial connects to the parent, however long that takes.
func (o *overlay) dial() {
	o.h.Go(func(ctx context.Context) {
		wait, warned := firstRetry, false
		for {
			nc, err := link.Dial(ctx, o.w.ParentURI, o.w.Identity, o.w.ParentKey, o.w.Tbon.Link)
			if err == nil {
				stream := link.NewStream(nc, 0)
				o.sayHello(stream)
				go o.parent.read(stream)
				return
			}
			var unknown *net.DNSError
			switch {
			case warned:
			case errors.As(err, &unknown):
				o.h.Log().Warn(fmt.Sprintf("unable to resolve upstream peer %s: %s", unknown.Name, unknown.Err))
				warned = true
			case wait >= lastRetry:
				o.h.Log().Warn(fmt.Sprintf("unable to reach upstream peer %s: %v", o.w.ParentURI, err))
				warned = true
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
				wait = min(2*wait, lastRetry)
			}
		}
	}, nil)
}

func (o *overlay) sayHello(stream *link.Stream) {
	status, _ := o.peers.Status()
	hostname, _ := o.h.Attr("hostname")
	m := message.NewRequest(helloTopic, message.NodeAny, rpc.OverlayHello{
		Protocol: protocol, Features: features, Release: install.CoreVersion,
		Rank: o.h.Rank(), UUID: o.uuid, Status: int(status), Hostname: hostname,
	})
	m.Matchtag = 1
	_ = stream.Send(m) // a broken link is noticed by its reader
}

// read takes the answer to the hello and then routes what the parent sends.
func (p *parentLink) read(stream *link.Stream) {
	o := p.o
	if uuid := p.welcome(stream); uuid != "" {
		for {
			m, err := stream.Recv()
			if err != nil {
				break
			}
			p.receive(uuid, m)
		}
	}
	stream.Abort()
	o.h.Post(func() {
		p.mu.Lock()
		over := p.lost || p.said
		p.mu.Unlock()
		if !over {
			o.logCritical(fmt.Sprintf("%s (rank %d) closed the connection", o.host(p.rank), p.rank))
		}
		o.parentGone()
	})
}

// welcome waits for the answer to the hello; "" when it was refused.
func (p *parentLink) welcome(stream *link.Stream) string {
	o := p.o
	m, err := stream.Recv()
	if err != nil {
		return ""
	}
	var w rpc.OverlayWelcome
	if err = m.Err(); err == nil {
		err = m.Decode(&w)
	}
	if err != nil {
		o.h.Log().Error(fmt.Sprintf("overlay.hello: %v", err))
		return ""
	}
	o.h.Log().Debug(fmt.Sprintf("hello parent %d %s", p.rank, w.UUID))
	p.learnHosts(w.Hostlist)
	o.router.NameParent(w.UUID)
	p.mu.Lock()
	p.stream = stream
	for _, m := range p.queue {
		_ = stream.Send(m)
	}
	p.queue, p.lastSent = nil, time.Now()
	p.mu.Unlock()
	o.h.Post(func() { // it may have changed since the hello
		status, _ := o.peers.Status()
		p.control(controlStatus, uint32(status))
	})
	return w.UUID
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

func (p *parentLink) receive(uuid string, m *message.Message) {
	o := p.o
	o.traced.note("rx", p.rank, m)
	m.Cred.Rolemask &^= message.RoleLocal // it is not local here
	switch m.Type {
	case message.TypeRequest:
		o.router.SendFrom(uuid, m)
	case message.TypeResponse:
		p.track.Response(m)
		o.router.Send(m)
	case message.TypeEvent:
		o.router.Send(m)
	case message.TypeControl:
		switch m.ControlType {
		case controlGoodbye:
			o.h.Post(p.released)
		case controlDisconnect:
			o.h.Post(func() {
				o.logCritical(fmt.Sprintf("%s (rank %d) sent disconnect control message", o.host(p.rank), p.rank))
				o.parentGone()
			})
		}
	}
}

// parentGone ends the link for good: what waits fails, and the broker stops
// with its subtree.
func (o *overlay) parentGone() {
	p := o.parent
	p.mu.Lock()
	was, said := p.lost, p.said
	stream := p.stream
	p.lost, p.queue = true, nil
	p.mu.Unlock()
	if was {
		return
	}
	o.router.LoseParent()
	if stream != nil {
		go stream.Close()
	}
	if said { // nobody here waits for answers any more
		p.released()
		return
	}
	for _, req := range p.track.Drain() {
		o.router.Send(req.ErrorResponse(message.Errorf(syscall.EHOSTUNREACH, "overlay disconnect")))
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
