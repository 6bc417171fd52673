// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"fmt"
	"slices"
	"syscall"

	"goflux/idset"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// monitor follows which brokers are up, and lets the start end when that is
// known for the first time.
func (l *leader) monitor() {
	if l.opt.forceUp || l.opt.recovery {
		l.ready()
		return
	}
	first := true
	l.follow(l.opt.online, func(ids *idset.Set) {
		l.post(l.m.SetOnline(l.now(), ids), nil)
		if first {
			first = false
			l.ready()
		}
	}, func(err error) {
		if first {
			l.fail(err)
		}
	})
	l.follow("broker.torpid", func(ids *idset.Set) { l.post(l.m.SetTorpid(l.now(), ids), nil) }, func(error) {})
}

// follow calls fn with the members of a broker group, now and as they change,
// and failed when that is over.
func (l *leader) follow(group string, fn func(*idset.Set), failed func(error)) {
	l.h.Request(service.Request{
		Topic: "groups.get", NodeID: 0, Payload: rpc.GroupName{Name: group}, Flags: message.FlagStreaming,
	}, func(m *message.Message) {
		var got rpc.GroupMembers
		err := m.Err()
		if err == nil {
			err = m.Decode(&got)
		}
		var ids *idset.Set
		if err == nil {
			ids, err = idset.Parse(got.Members)
		}
		if err != nil {
			l.h.Log().Error(fmt.Sprintf("monitor: %s: %v", group, err))
			failed(message.Errorf(message.Errno(err), "monitor: %s: %v", group, err))
			return
		}
		fn(ids)
	})
}

// waitup is a request waiting for a number of ranks to be up.
type waitup struct {
	c  *service.Call
	up int
}

// waitUp serves resource.monitor-waitup, by which tests wait.
func (l *leader) waitUp(c *service.Call, req *rpc.ResourceUp) {
	switch err := l.starting(); {
	case err != nil:
		c.Fail(err)
	case req.Up == nil:
		c.Fail(syscall.EPROTO)
	case *req.Up < 0 || *req.Up > l.m.Size():
		c.Fail(message.Errorf(syscall.EPROTO, "up value is out of range"))
	default:
		l.waitups = append(l.waitups, waitup{c, *req.Up})
		l.post(nil, func(error) {}) // answered in order with the news
	}
}

func (l *leader) tellWaitups() {
	up := l.m.Online().Len()
	l.waitups = slices.DeleteFunc(l.waitups, func(w waitup) bool {
		if w.up == up {
			w.c.Respond(nil)
		}
		return w.up == up
	})
}

func (l *leader) forgetWaitups(sender string) {
	l.waitups = slices.DeleteFunc(l.waitups, func(w waitup) bool { return w.c.Msg.Sender() == sender })
}

// forceDown serves resource.monitor-force-down: it takes ranks for offline,
// which a test of fake resources cannot make happen otherwise.
func (l *leader) forceDown(c *service.Call, req *rpc.ResourceRanks) {
	if err := l.starting(); err != nil {
		c.Fail(err)
		return
	}
	ids, err := idset.Parse(req.Ranks)
	if err != nil {
		c.Fail(message.Errorf(syscall.EINVAL, "%v", err))
		return
	}
	l.post(l.m.SetOnline(l.now(), l.m.Online().Subtract(ids)), func(error) { c.Respond(nil) })
}

// starting refuses requests that come before the state has been read.
func (l *leader) starting() error {
	if l.log == nil {
		return message.Errorf(syscall.EAGAIN, "the resource service is starting")
	}
	return nil
}
