// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"strconv"
	"syscall"

	core "goflux/internal/core/resource"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/rset"
)

// errRank0 refuses what only rank 0 can answer.
var errRank0 = message.Errorf(syscall.EPROTO, "this RPC only works on rank 0")

func onlyOnRank0(topic string) error {
	return message.Errorf(syscall.ENOSYS, "%s is only available on rank 0", topic)
}

// follower is the service on a rank other than 0: it looks at its node.
type follower struct {
	h      service.Host
	opt    *options
	node   node
	r      *rset.R // nil when it is not known
	method string
	found  *found
}

func newFollower(h service.Host, opt *options, n node) *follower {
	return &follower{h: h, opt: opt, node: n, r: opt.r}
}

// Start implements service.Starter.
func (f *follower) Start() {
	if f.r != nil {
		f.method = core.MethodConfig
		f.discover()
		return
	}
	f.h.Request(service.Request{Topic: "resource.get", NodeID: message.NodeUpstream}, func(m *message.Message) {
		var known rpc.ResourceGet
		if err := m.Err(); err == nil {
			if err := m.Decode(&known); err != nil {
				f.h.Fail(err)
				return
			}
			f.r, f.method = known.R, known.Method
		} else if num := message.Errno(err); num != syscall.ENOENT && num != syscall.ENOSYS {
			f.h.Fail(message.Errorf(num, "resource.get from upstream: %v", err))
			return
		}
		f.discover()
	})
}

func (f *follower) discover() {
	discover(f.h, f.node, f.opt, func(got *found, err error) {
		if err != nil {
			f.h.Fail(message.Errorf(message.Errno(err), "error loading hwloc topology: %v", err))
			return
		}
		f.found = got
		f.verify()
	})
}

// verify compares what was found with what is expected, and has this node
// drained if it falls short.
func (f *follower) verify() {
	reason := f.opt.mismatch(f.r, f.method, f.found.onRank(f.h.Rank()))
	if reason == "" {
		f.report()
		return
	}
	f.h.Log().Error("draining: " + reason)
	f.h.Request(service.Request{
		Topic: "resource.drain", NodeID: 0,
		Payload: rpc.ResourceDrain{Targets: strconv.Itoa(int(f.h.Rank())), Reason: &reason, Mode: "update"},
	}, func(m *message.Message) {
		if err := m.Err(); err != nil {
			f.h.Fail(message.Errorf(message.Errno(err), "draining this node: %v", err))
			return
		}
		f.report()
	})
}

// report sends what was found to rank 0, which needs it when R is not known.
func (f *follower) report() {
	f.h.Request(service.Request{
		Topic: "resource.topo-reduce", NodeID: 0,
		Payload: rpc.ResourceReduce{Count: 1, Resource: f.found.onRank(f.h.Rank())},
	}, nil)
	f.h.SetRunning()
}

// mismatch says how what a node has differs from what is expected of it, "" for
// not in a way that matters. In a job, where the enclosing instance has checked,
// it is not looked at unless that is configured.
func (o *options) mismatch(expected *rset.R, method string, actual *rset.R) string {
	if expected == nil || o.noverify || method == core.MethodJob && !o.verifySet {
		return ""
	}
	if err := rset.Verify(expected, actual, o.verify); err != nil {
		return err.Error()
	}
	return ""
}

func (f *follower) get(c *service.Call) {
	if f.r == nil {
		c.Fail(syscall.ENOENT)
		return
	}
	c.Respond(rpc.ResourceGet{R: f.r, Method: f.method})
}

func (f *follower) topoGet(c *service.Call) { topoGet(c, f.found) }

// Reconfigure implements service.Configurable: it checks, for a restart to use.
func (f *follower) Reconfigure() error {
	_, err := readConfig(f.h)
	return err
}
