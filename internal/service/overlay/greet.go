// SPDX-License-Identifier: LGPL-3.0-or-later

package overlay

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	core "goflux/internal/core/overlay"
	"goflux/internal/link"
	"goflux/internal/message"
	"goflux/internal/rpc"
)

const (
	// helloTimeout is how long a child may take to say hello, and the parent to
	// answer.
	helloTimeout = 30 * time.Second
	// probeTime is how long a child that is connected may take to show that it
	// is there when another broker claims its rank.
	probeTime = 2 * time.Second
	// acceptPause is the time between attempts when no connection can be
	// accepted, as when the process has no file descriptor left.
	acceptPause = 100 * time.Millisecond
	// rejectEvery bounds how often strangers are logged.
	rejectEvery = 10 * time.Second
)

// serve accepts the children that connect to a listener.
func (o *overlay) serve(l *link.Listener) {
	gate := link.NewGate(len(o.peers.All()))
	o.h.Go(func(ctx context.Context) {
		for {
			nc, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				o.rejected("a broker", err)
				select {
				case <-ctx.Done():
				case <-time.After(acceptPause):
				}
				continue
			}
			if !gate.Enter(nc) {
				o.rejected(nc.RemoteAddr().String(), errCrowd)
				continue
			}
			go o.greet(l, gate, nc)
		}
	}, nil)
}

var errCrowd = message.Errorf(syscall.EUSERS, "too many connections from there have not said who they are")

// rejected logs somebody who is not admitted; what comes thick and fast is
// counted.
func (o *overlay) rejected(peer string, err error) {
	o.mu.Lock()
	now := time.Now()
	if now.Sub(o.lastReject) < rejectEvery {
		o.rejects++
		o.mu.Unlock()
		return
	}
	more := o.rejects
	o.lastReject, o.rejects = now, 0
	o.mu.Unlock()
	if more > 0 {
		err = fmt.Errorf("%w (and %d more since the last such message)", err, more)
	}
	o.h.Log().Error("rejecting connection", "peer", peer, "err", err)
}

// greet finds out who has connected, and reads from a child until it goes away.
func (o *overlay) greet(l *link.Listener, gate *link.Gate, nc net.Conn) {
	peer := nc.RemoteAddr().String()
	known, err := l.Admit(nc)
	if err != nil {
		gate.Leave(nc)
		o.rejected(peer, err)
		return
	}
	key, _ := link.PeerKey(known)
	_ = known.SetReadDeadline(time.Now().Add(helloTimeout))
	stream := link.NewStream(known, 0)
	m, err := stream.Recv()
	gate.Leave(nc)
	if err != nil || m.Type != message.TypeRequest || m.Topic != helloTopic {
		stream.Abort()
		return
	}
	_ = known.SetReadDeadline(time.Time{})
	admitted := make(chan *childLink, 1)
	o.h.Post(func() { o.consider(m, key, stream, func(c *childLink) { admitted <- c }) })
	c := <-admitted
	if c == nil {
		stream.Close()
		return
	}
	c.read()
}

// consider decides about a child that introduces itself, and calls done: with
// nil when it is refused.
func (o *overlay) consider(m *message.Message, key ed25519.PublicKey, stream *link.Stream, done func(*childLink)) {
	o.traced.note("rx", message.NodeAny, m)
	var req rpc.OverlayHello
	err := m.Decode(&req)
	if err == nil {
		err = o.mayJoin(&req, key)
	}
	if err != nil {
		_ = stream.Send(m.ErrorResponse(err))
		done(nil)
		return
	}
	old := o.child(req.Rank)
	if old == nil || req.Previous == old.uuid {
		done(o.welcome(m, &req, stream))
		return
	}
	// Another broker of that rank is connected, or seems to be: its node may
	// have crashed without a farewell.
	asked := o.h.Now()
	old.control(controlProbe, 0)
	o.h.After(probeTime, func() {
		if o.child(req.Rank) == old && old.lastSeen().After(asked) {
			err := message.Errorf(syscall.EEXIST, "another broker of rank %d is connected and alive", req.Rank)
			o.h.Log().Error(fmt.Sprintf("rejecting connection from %s (rank %d): %v", req.Hostname, req.Rank, err))
			_ = stream.Send(m.ErrorResponse(err))
			done(nil)
			return
		}
		done(o.welcome(m, &req, stream))
	})
}

// welcome makes a connection the link to a child.
func (o *overlay) welcome(m *message.Message, req *rpc.OverlayHello, stream *link.Stream) *childLink {
	p := o.peers.Get(req.Rank)
	o.names[req.Rank] = req.Hostname
	if p.Status.Online() {
		how := "reconnected after crash"
		if req.Previous != "" {
			how = "reconnected"
		}
		o.h.Log().Error(fmt.Sprintf("%s (rank %d) %s, dropping old connection state", o.host(req.Rank), req.Rank, how))
		o.update(p, core.Lost, "")
	}
	was, gone := p.Status, o.h.Now().Sub(p.Since)
	c := &childLink{o: o, rank: req.Rank, uuid: req.UUID, stream: stream}
	c.seen.Store(o.h.Now().UnixNano())
	r := m.Response()
	r.SetValue(rpc.OverlayWelcome{Protocol: min(protocol, req.Protocol), Features: features, UUID: o.uuid, Hostlist: o.hostlist()})
	_ = stream.Send(r)
	o.setChild(req.Rank, c)
	o.router.AttachChild(c.uuid, c)
	o.update(p, core.Status(req.Status), "")
	if was == core.Lost {
		o.h.Log().Info(fmt.Sprintf("%s (rank %d) is back after %.1fs", o.host(req.Rank), req.Rank, gone.Seconds()))
	}
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
