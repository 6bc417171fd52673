// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"context"
	"log/slog"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/service"
)

// This file is module's side of service.Host.

var _ service.Host = (*module)(nil)

func (m *module) Name() string      { return m.name }
func (m *module) UUID() string      { return m.uuid }
func (m *module) Now() time.Time    { return time.Now() }
func (m *module) Log() *slog.Logger { return m.log }

// Post implements service.Host.
func (m *module) Post(fn func()) { m.box.put(item{fn: fn}) }

// Go implements service.Host.
func (m *module) Go(work func(ctx context.Context), fn func()) {
	m.work.Add(1)
	go func() {
		defer m.work.Done()
		work(m.ctx)
		if fn != nil {
			m.Post(fn)
		}
	}()
}

// After implements service.Host.
func (m *module) After(d time.Duration, fn func()) service.Timer {
	t := &timer{}
	t.t = time.AfterFunc(d, func() {
		m.Post(func() {
			if !t.stopped {
				fn()
			}
		})
	})
	return t
}

// timer's stopped belongs to the loop: a timer that fired but whose function
// still waits in the mailbox can be stopped, too.
type timer struct {
	t       *time.Timer
	stopped bool
}

func (t *timer) Stop() bool {
	was := !t.stopped
	t.stopped = true
	return t.t.Stop() || was
}

// leaderRank is the broker that has the instance's state, and so most to forget.
const leaderRank = 0

// Request implements service.Host.
func (m *module) Request(req service.Request, fn func(*message.Message)) *service.Pending {
	msg := message.NewRequest(req.Topic, req.NodeID, req.Payload)
	msg.Flags |= req.Flags
	msg.Cred = req.Cred
	if !msg.Cred.Valid() {
		msg.Cred = m.OwnerCred()
	}
	if msg.NodeID == message.NodeUpstream {
		msg.NodeID = m.Rank()
		msg.Flags |= message.FlagUpstream
	}
	m.counts.Tx.add(message.TypeRequest)
	m.traced.note("tx", m.name, msg)
	if req.NoMatchtag {
		m.router.SendFrom(m.uuid, msg)
		return nil
	}
	if fn == nil {
		msg.Flags |= message.FlagNoResponse
		m.router.SendFrom(m.uuid, msg)
		return nil
	}
	tag := m.newMatchtag()
	msg.Matchtag = tag
	to := contact{service: msg.Service(), nodeID: msg.NodeID, flags: msg.Flags & message.FlagUpstream}
	if msg.NodeID == message.NodeAny || msg.NodeID == leaderRank || msg.Is(message.FlagUpstream) {
		m.contacted[to] = struct{}{}
	}
	m.pending[tag] = &pendingRequest{fn, msg.Is(message.FlagStreaming), to}
	m.router.SendFrom(m.uuid, msg)
	return service.NewPending(tag, func() { delete(m.pending, tag) })
}

// OnResponse implements service.Host.
func (m *module) OnResponse(topic string, fn func(*message.Message)) { m.unmatched[topic] = fn }

func (m *module) newMatchtag() uint32 {
	for {
		m.matchtag++
		if m.matchtag == message.MatchtagNone {
			continue
		}
		if _, used := m.pending[m.matchtag]; !used {
			return m.matchtag
		}
	}
}

// Send implements service.Host.
func (m *module) Send(msg *message.Message) {
	m.counts.Tx.add(msg.Type)
	m.traced.note("tx", m.name, msg)
	m.router.Send(msg)
}

// Publish implements service.Host.
func (m *module) Publish(topic string, payload any) {
	ev := message.NewEvent(topic, payload)
	ev.Cred = m.OwnerCred()
	m.Send(ev)
}

// Subscribe implements service.Host.
func (m *module) Subscribe(prefix string, fn func(*message.Message)) func() {
	s := &subscription{prefix, fn}
	m.subs = append(m.subs, s)
	_ = m.router.Subscribe(m.uuid, prefix, m.OwnerCred()) // attached for as long as it runs
	return func() {
		for i := range m.subs {
			if m.subs[i] == s {
				m.subs = append(m.subs[:i:i], m.subs[i+1:]...)
				_ = m.router.Unsubscribe(m.uuid, prefix)
				return
			}
		}
	}
}

// AddService implements service.Host.
func (m *module) AddService(name string, handle func(*service.Call)) error {
	if err := m.router.AddService(name, m.uuid); err != nil {
		return err
	}
	if handle != nil {
		m.extra[name] = handle
	}
	return nil
}

// RemoveService implements service.Host.
func (m *module) RemoveService(name string) {
	_ = m.router.RemoveService(name, m.uuid)
	delete(m.extra, name)
}

// SetRunning implements service.Host.
func (m *module) SetRunning() {
	if m.state.CompareAndSwap(int32(ModInit), int32(ModRunning)) {
		m.onState(m, ModRunning, nil)
	}
}

// Fail implements service.Host.
func (m *module) Fail(err error) {
	if err == nil {
		err = syscall.EIO
	}
	m.failure = err
	m.stopping = true
}
