// SPDX-License-Identifier: LGPL-3.0-or-later

package overlay

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	core "goflux/internal/core/overlay"
	"goflux/internal/link"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/track"
)

// childLink is the link to a child that has said hello: an endpoint.
type childLink struct {
	o      *overlay
	rank   uint32
	uuid   string
	stream *link.Stream
	track  track.Tracker // requests that went to the child
	seen   atomic.Int64  // unix nanoseconds
	gone   atomic.Bool
}

// Deliver implements service.Endpoint.
func (c *childLink) Deliver(m *message.Message) {
	if m.Type == message.TypeRequest {
		if c.gone.Load() {
			c.unreachable(m)
			return
		}
		c.track.Request(m)
	}
	c.o.traced.note("tx", c.rank, m)
	// A link that is broken is noticed by its reader, who fails what waits.
	if err := c.stream.Send(m); err != nil && m.Type == message.TypeRequest && c.gone.Load() {
		c.track.Forget(m)
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

// fail answers what the child has not, and closes the link.
func (c *childLink) fail() {
	c.gone.Store(true)
	for _, req := range c.track.Drain() {
		c.o.router.Send(req.ErrorResponse(syscall.EHOSTUNREACH))
	}
	go c.stream.Close() // which may wait for a peer that does not read
}

// serve accepts the children that connect to a listener.
func (o *overlay) serve(l *link.Listener) {
	o.h.Go(func(context.Context) {
		for {
			nc, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				o.h.Log().Warn("accepting a broker", "err", err)
				continue
			}
			go o.greet(l, nc)
		}
	}, nil)
}

// helloTimeout is how long a child may take to say hello.
const helloTimeout = 30 * time.Second

// greet takes a child's hello and reads from it until it goes away.
func (o *overlay) greet(l *link.Listener, nc net.Conn) {
	peer := nc.RemoteAddr().String()
	nc, err := l.Admit(nc)
	if err != nil {
		o.h.Log().Error("rejecting connection", "peer", peer, "err", err)
		return
	}
	key, _ := link.PeerKey(nc)
	_ = nc.SetReadDeadline(time.Now().Add(helloTimeout))
	stream := link.NewStream(nc, 0)
	m, err := stream.Recv()
	if err != nil || m.Type != message.TypeRequest || m.Topic != helloTopic {
		stream.Abort()
		return
	}
	_ = nc.SetReadDeadline(time.Time{})
	admitted := make(chan *childLink, 1)
	o.h.Post(func() { admitted <- o.hello(m, key, stream) })
	c := <-admitted
	if c == nil {
		stream.Close()
		return
	}
	c.read()
}

// hello decides about a child that introduces itself; nil refuses it.
func (o *overlay) hello(m *message.Message, key ed25519.PublicKey, stream *link.Stream) *childLink {
	o.traced.note("rx", message.NodeAny, m)
	var req rpc.OverlayHello
	err := m.Decode(&req)
	if err == nil {
		err = o.mayJoin(&req, key)
	}
	if err != nil {
		_ = stream.Send(m.ErrorResponse(err))
		return nil
	}
	p := o.peers.Get(req.Rank)
	o.names[req.Rank] = req.Hostname
	if p.Status.Online() {
		o.h.Log().Error(fmt.Sprintf("%s (rank %d) reconnected after crash, dropping old connection state", o.host(req.Rank), req.Rank))
		o.update(p, core.Lost, "")
	}
	c := &childLink{o: o, rank: req.Rank, uuid: req.UUID, stream: stream}
	c.seen.Store(o.h.Now().UnixNano())
	r := m.Response()
	r.SetValue(rpc.OverlayWelcome{Protocol: min(protocol, req.Protocol), Features: features, UUID: o.uuid, Hostlist: o.hostlist()})
	_ = stream.Send(r)
	o.setChild(req.Rank, c)
	o.router.AttachChild(c.uuid, c)
	o.update(p, core.Status(req.Status), "")
	o.h.Log().Debug(fmt.Sprintf("accepting connection from %s (rank %d) status %s", o.host(req.Rank), req.Rank, p.Status))
	return c
}

// mayJoin checks what a child says of itself.
func (o *overlay) mayJoin(req *rpc.OverlayHello, key ed25519.PublicKey) error {
	p := o.peers.Get(req.Rank)
	refuse := func(num syscall.Errno, format string, args ...any) error {
		err := message.Errorf(num, format, args...)
		o.h.Log().Error(fmt.Sprintf("rejecting connection from %s (rank %d): %v", req.Hostname, req.Rank, err))
		if p != nil && !p.Status.Online() {
			p.Error = err.Error()
		}
		return err
	}
	status := core.Status(req.Status)
	switch {
	case o.spurn:
		return message.Errorf(syscall.EAGAIN, "the parent is shutting down")
	case req.Protocol < oldestProtocol:
		return refuse(syscall.EINVAL, "protocol %d (release %s) is too old: %d is the oldest spoken here", req.Protocol, req.Release, oldestProtocol)
	case p == nil:
		return refuse(syscall.EINVAL, "rank %d is not a child of rank %d: mismatched config?", req.Rank, o.h.Rank())
	case key != nil && !o.w.Owns(key, req.Rank):
		return refuse(syscall.EPERM, "the key is that of another rank")
	case o.w.Hosts != nil && req.Hostname != o.host(req.Rank):
		return refuse(syscall.EINVAL, "%s is configured as rank %d: mismatched config?", o.host(req.Rank), req.Rank)
	case req.UUID == "" || !status.Online():
		return refuse(syscall.EPROTO, "malformed hello")
	}
	return nil
}

// hostlist is what a child is told, "" when it is not known here.
func (o *overlay) hostlist() string {
	if o.w.Hosts == nil {
		return ""
	}
	return o.w.Hosts.String()
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
			c.o.router.SendFrom(c.uuid, m)
		case message.TypeResponse:
			c.track.Response(m)
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
