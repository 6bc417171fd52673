// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// tracers are the clients of module.trace. Without any, noting a message costs
// an atomic load.
type tracers struct {
	n    atomic.Int32
	mu   sync.Mutex
	list []*tracer
}

type tracer struct {
	call *service.Call
	req  rpc.ModuleTrace
	post func(func())
}

func (s *coreService) moduleTrace(c *service.Call, req *rpc.ModuleTrace) {
	if !c.Streaming() || req.Names == nil {
		c.Fail(syscall.EPROTO)
		return
	}
	s.b.mods.traced.add(&tracer{call: c, req: *req, post: s.h.Post})
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
	t.list = slices.DeleteFunc(t.list, func(r *tracer) bool { return r.call.Msg.Sender() == sender })
	t.n.Store(int32(len(t.list)))
}

// note tells the tracers of a message to (rx) or from (tx) a module.
func (t *tracers) note(prefix, module string, m *message.Message) {
	if t.n.Load() == 0 || m.Topic == "module.trace" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.list {
		if !r.wants(module, m) {
			continue
		}
		answer := rpc.NewTrace(prefix, module, message.NodeAny, m, r.req.Full, time.Now())
		r.post(func() { r.call.Respond(answer) })
	}
}

func (r *tracer) wants(module string, m *message.Message) bool {
	if len(r.req.Names) > 0 && !slices.Contains(r.req.Names, module) {
		return false
	}
	if int(m.Type)&r.req.Typemask == 0 {
		return false
	}
	ok, err := path.Match(r.req.TopicGlob, m.Topic)
	return err == nil && ok || r.req.TopicGlob == ""
}
