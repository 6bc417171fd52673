// SPDX-License-Identifier: LGPL-3.0-or-later

package overlay

import (
	"path"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// tracers are the clients that watch messages on the links. Links note from
// their own goroutines; without tracers that costs one atomic load.
type tracers struct {
	n    atomic.Int32
	mu   sync.Mutex
	list []*tracer
}

type tracer struct {
	call *service.Call
	req  rpc.OverlayTrace
	post func(func())
}

func (o *overlay) trace(c *service.Call, req *rpc.OverlayTrace) {
	if !c.Streaming() {
		c.Fail(syscall.EPROTO)
		return
	}
	o.traced.add(&tracer{call: c, req: *req, post: o.h.Post})
}

func (t *tracers) add(r *tracer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, r)
	t.n.Store(int32(len(t.list)))
}

func (t *tracers) disconnect(sender string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept := t.list[:0]
	for _, r := range t.list {
		if r.call.Msg.Sender() != sender {
			kept = append(kept, r)
		}
	}
	t.list = kept
	t.n.Store(int32(len(kept)))
}

// note tells the tracers of a message from (rx) or to (tx) a peer.
func (t *tracers) note(prefix string, peer uint32, m *message.Message) {
	if t.n.Load() == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.list {
		if r.wants(peer, m) {
			answer := rpc.NewTrace(prefix, "", peer, m, r.req.Full, time.Now())
			r.post(func() { r.call.Respond(answer) })
		}
	}
}

func (r *tracer) wants(peer uint32, m *message.Message) bool {
	if r.req.NodeID != -1 && peer != message.NodeAny && uint32(r.req.NodeID) != peer {
		return false
	}
	if int(m.Type)&r.req.TypeMask == 0 {
		return false
	}
	if m.Type == message.TypeControl {
		return r.req.TopicGlob == "*" || r.req.TopicGlob == ""
	}
	ok, err := path.Match(r.req.TopicGlob, m.Topic)
	return err == nil && ok || r.req.TopicGlob == ""
}
