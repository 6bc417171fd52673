// SPDX-License-Identifier: LGPL-3.0-or-later

package daemon

import (
	"errors"
	"fmt"
	"syscall"

	"goflux/internal/core/lifecycle"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// methods is the authorisation table of what the state machine serves.
var methods = []service.Method{
	service.Deferred("state-machine.post", service.Owner, (*driver).post),
	service.Raw("state-machine.monitor", service.Owner, (*driver).monitor),
	service.Deferred("state-machine.wait", service.Guests, (*driver).wait),
	service.Unary("state-machine.get", service.Guests, (*driver).get),
	service.Raw("state-machine.sd-notify", service.Owner, (*driver).sdNotify),
	service.Unary("runat.push", service.Owner, (*driver).push),
	service.Raw("shutdown.start", service.Owner, (*driver).startShutdown),
}

func noService(err error) bool { return errors.Is(err, syscall.ENOSYS) }

func (l *driver) post(c *service.Call, req *rpc.StatePost) {
	if !c.Msg.Is(message.FlagNoResponse) {
		c.Fail(syscall.EPROTO)
		return
	}
	l.step(lifecycle.Post{Event: req.Event, Fail: req.Error})
}

func (l *driver) get(*service.Call, *rpc.Empty) (any, error) {
	return rpc.StateAnswer{State: l.state.String(), Duration: l.h.Now().Sub(l.m.Since()).Seconds()}, nil
}

// monitor tells the present state and, to a stream, those that follow, up to
// the final one that is asked for. The payload is optional.
func (l *driver) monitor(c *service.Call) {
	final := lifecycle.Exit
	var req rpc.StateMonitor
	if c.Msg.HasPayload() && c.Msg.Decode(&req) == nil && req.Final != nil {
		final = lifecycle.State(*req.Final)
	}
	if l.report(c, final) {
		l.monitors.Add(c, final)
	}
}

// report tells one monitor the present state; false when that was the last.
func (l *driver) report(c *service.Call, final lifecycle.State) bool {
	state := l.state
	if state > final {
		c.End()
		return false
	}
	c.Respond(rpc.StateNumber{State: int(state)})
	if !c.Streaming() {
		return false
	}
	if state == final {
		c.End()
		return false
	}
	return true
}

// wait answers when the broker runs, or never will.
func (l *driver) wait(c *service.Call, _ *rpc.Empty) {
	if !l.answerWait(c) {
		l.waiters.Add(c, struct{}{})
	}
}

func (l *driver) answerWait(c *service.Call) bool {
	switch state := l.state; {
	case state < lifecycle.Run:
		return false
	case state == lifecycle.Run:
		c.Respond(nil)
	default:
		c.Fail(message.Errorf(syscall.ENOENT, "broker has surpassed RUN state"))
	}
	return true
}

// entered tells those who wait for states.
func (l *driver) entered(s lifecycle.State) {
	l.state = s
	l.sd.entered(s, l.d)
	l.announce()
	l.shutdown.entered(l, s)
}

func (l *driver) announce() {
	for st := range l.monitors.All() {
		if !l.report(st.Call, st.State) {
			l.monitors.Remove(st)
		}
	}
	for st := range l.waiters.All() {
		if l.answerWait(st.Call) {
			l.waiters.Remove(st)
		}
	}
}

// Disconnect forgets a client's streams.
func (l *driver) Disconnect(sender string) {
	l.monitors.Disconnect(sender, nil)
	l.waiters.Disconnect(sender, nil)
	l.shutdown.disconnect(l, sender)
}

// sdNotify shows a status; without one it only tells systemd of progress.
func (l *driver) sdNotify(c *service.Call) {
	var req rpc.SDNotify
	if c.Msg.HasPayload() && c.Msg.Decode(&req) != nil {
		return
	}
	l.notifySystemd(req.Status)
}

func (l *driver) notifySystemd(status string) { l.sd.status(status) }

// push adds command lines to a phase; those pushed last run first.
func (l *driver) push(_ *service.Call, req *rpc.RunatPush) (any, error) {
	if len(req.Commands) == 0 {
		return nil, message.Errorf(syscall.EPROTO, "commands array is empty")
	}
	for _, line := range req.Commands {
		if line == "" {
			return nil, message.Errorf(syscall.EPROTO, "cannot push an empty command line")
		}
	}
	name := lifecycle.Phase(req.Name)
	p := l.phases[name]
	if p == nil {
		p = &phase{name: name}
		l.phases[name] = p
	}
	for _, line := range req.Commands {
		p.commands = append([]*command{shellCommand(line)}, p.commands...)
	}
	l.m.Define(name)
	return nil, nil
}

// signaled takes a signal. Those that do not end programs are for the jobs.
func (l *driver) signaled(s syscall.Signal) {
	l.log.Info(fmt.Sprintf("signal %d", int(s)))
	if s == syscall.SIGTERM && l.m.State() == lifecycle.Run {
		l.jobsGoOn = l.returns()
	}
	if l.h.Rank() != 0 || s != syscall.SIGUSR1 && s != syscall.SIGUSR2 {
		l.step(lifecycle.Signal{})
		return
	}
	kill := map[string]any{"dry_run": false, "userid": message.UserUnknown, "signum": int(s)}
	l.h.Request(service.Request{Topic: "job-manager.killall", NodeID: message.NodeAny, Payload: kill}, func(m *message.Message) {
		if err := m.Err(); err != nil {
			l.log.Info(fmt.Sprintf("killall failed, delivering signal %d locally instead", int(s)), "err", err)
			l.step(lifecycle.Signal{})
		}
	})
}
