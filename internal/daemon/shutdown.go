// SPDX-License-Identifier: LGPL-3.0-or-later

package daemon

import (
	"syscall"

	"goflux/internal/broker"
	"goflux/internal/core/lifecycle"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// shutdownClient is the flux-shutdown(1) that follows the instance's end, if
// any. The leader stays until it has told all.
type shutdownClient struct {
	call   *service.Call
	level  broker.Severity
	follow *service.Pending // of the log
}

// startShutdown ends the instance on a user's request.
func (l *driver) startShutdown(c *service.Call) {
	var req rpc.ShutdownStart
	if c.Msg.HasPayload() {
		if err := c.Msg.Decode(&req); err != nil {
			c.Fail(err)
			return
		}
	}
	if l.shutdown.call != nil {
		c.Fail(message.Errorf(syscall.EINVAL, "shutdown is already in progress"))
		return
	}
	effects, err := l.m.RequestShutdown(l.h.Now())
	if err != nil {
		c.Fail(err)
		return
	}
	if !c.Streaming() {
		c.Respond(nil)
	} else {
		l.shutdown = shutdownClient{call: c, level: broker.SevErr}
		if req.LogLevel != nil {
			l.shutdown.level = broker.Severity(*req.LogLevel)
		}
		l.shutdown.followLog(l)
	}
	l.perform(effects)
}

// followLog passes on what is logged from now on.
func (s *shutdownClient) followLog(l *driver) {
	s.follow = l.h.Request(service.Request{
		Topic: "log.dmesg", NodeID: message.NodeAny, Flags: message.FlagStreaming,
		Payload: rpc.Dmesg{Follow: true, NoBacklog: true},
	}, func(m *message.Message) {
		if m.Err() != nil {
			s.told()
			return
		}
		r, err := broker.DecodeLog(m.Payload())
		if err == nil && r.Severity <= l.shutdown.level && l.shutdown.call != nil {
			l.shutdown.call.Respond(rpc.ShutdownLog{Log: r.Plain() + "\n"})
		}
	})
}

// entered ends the leader's goodbye when nobody has to be told any more.
func (s *shutdownClient) entered(l *driver, state lifecycle.State) {
	if state != lifecycle.Goodbye || l.h.Rank() != 0 {
		return
	}
	if s.call == nil {
		l.h.Post(func() { l.step(lifecycle.Post{Event: "goodbye"}) })
		return
	}
	// What was logged before this is on its way, and comes before the end.
	l.h.Request(service.Request{Topic: "log.cancel", NodeID: message.NodeAny, Payload: rpc.Matchtag{Matchtag: s.follow.Matchtag}}, func(*message.Message) {})
}

// told ends what the client is told, with the log.
func (s *shutdownClient) told() {
	if s.call != nil {
		s.call.End()
	}
}

// disconnect notices that the client has heard all, or has gone away.
func (s *shutdownClient) disconnect(l *driver, sender string) {
	if s.call == nil || s.call.Msg.Sender() != sender {
		return
	}
	s.call = nil
	if l.m.State() == lifecycle.Goodbye {
		l.step(lifecycle.Post{Event: "goodbye"})
	}
}
