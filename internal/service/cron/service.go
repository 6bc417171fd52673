// SPDX-License-Identifier: LGPL-3.0-or-later

package cron

import (
	"strings"
	"syscall"
	"time"

	"goflux/fsd"
	"goflux/internal/core/cron"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// Service describes the module, with the options sync=TOPIC and
// sync_epsilon=FSD.
func Service() *service.Registration {
	return &service.Registration{
		Name: "cron",
		Methods: []service.Method{
			service.Unary("cron.create", service.Owner, (*instance).create),
			service.Unary("cron.delete", service.Owner, (*instance).delete),
			service.Unary("cron.start", service.Owner, (*instance).start),
			service.Unary("cron.stop", service.Owner, (*instance).stopEntry),
			service.Unary("cron.sync", service.Owner, (*instance).sync),
			service.Raw("cron.list", service.Owner, (*instance).list),
		},
		New: construct,
	}
}

// instance is the loaded module.
type instance struct {
	h       service.Host
	m       *cron.Machine
	timer   service.Timer
	wake    time.Time // what timer is set to
	cancels map[string]func()
}

func construct(h service.Host, args []string) (any, error) {
	s := &instance{h: h, m: cron.New(), cancels: map[string]func(){}}
	for _, a := range args {
		name, value, _ := strings.Cut(a, "=")
		switch name {
		case "sync":
			s.m.SetSync(h.Now(), value)
		case "sync_epsilon":
			d, err := fsd.Parse(value)
			if err != nil {
				return nil, message.Errorf(syscall.EINVAL, "sync_epsilon: %v", err)
			}
			s.m.SetEpsilon(d)
		default:
			return nil, message.Errorf(syscall.EINVAL, "Unknown option `%s'", a)
		}
	}
	s.settle()
	return s, nil
}

// EndBatch does what the messages since the last one have led to.
func (s *instance) EndBatch() { s.settle() }

// settle carries out the machine's effects, and has the timer and the
// subscriptions follow what it waits for.
func (s *instance) settle() {
	for {
		effects := s.m.Effects()
		if len(effects) == 0 {
			break
		}
		for _, e := range effects {
			s.perform(e)
		}
	}
	s.listen()
	s.setTimer()
}

func (s *instance) perform(e cron.Effect) {
	switch e := e.(type) {
	case cron.Run:
		s.launch(e.Entry)
	case cron.Kill:
		s.kill(e)
	case cron.Note:
		switch e.Level {
		case cron.Debug:
			s.h.Log().Debug(e.Text)
		case cron.Info:
			s.h.Log().Info(e.Text)
		case cron.Error:
			s.h.Log().Error(e.Text)
		}
	}
}

// listen subscribes to the events that entries wait for: before the answer that
// says that they do, behind which such an event may come at once.
func (s *instance) listen() {
	want := s.m.Topics()
	for pattern, cancel := range s.cancels {
		if !want[pattern] {
			cancel()
			delete(s.cancels, pattern)
		}
	}
	for pattern := range want {
		if s.cancels[pattern] == nil {
			s.cancels[pattern] = s.h.Subscribe(cron.LiteralPrefix(pattern), func(m *message.Message) {
				s.m.Event(s.h.Now(), pattern, m.Topic)
			})
		}
	}
}

func (s *instance) setTimer() {
	next, ok := s.m.NextWake()
	if s.timer != nil {
		if ok && next.Equal(s.wake) {
			return
		}
		s.timer.Stop()
		s.timer = nil
	}
	if !ok {
		return
	}
	s.wake = next
	// The clock may be set while the timer runs: look at it now and then.
	const longest = time.Minute
	s.timer = s.h.After(min(max(0, next.Sub(s.h.Now())), longest), func() {
		s.timer = nil
		s.m.Tick(s.h.Now())
	})
}

// find is the entry that a request is about.
func (s *instance) find(req *rpc.CronID) (*cron.Entry, error) {
	if req.ID == nil {
		return nil, message.Errorf(syscall.EPROTO, "no id")
	}
	if e := s.m.Find(*req.ID); e != nil {
		return e, nil
	}
	return nil, message.Errorf(syscall.ENOENT, "cron-%d: no such entry", *req.ID)
}

func (s *instance) start(_ *service.Call, req *rpc.CronID) (any, error) {
	e, err := s.find(req)
	if err != nil {
		return nil, err
	}
	if err := s.m.Start(s.h.Now(), e); err != nil {
		return nil, err
	}
	s.listen()
	return describe(e), nil
}

func (s *instance) stopEntry(_ *service.Call, req *rpc.CronID) (any, error) {
	e, err := s.find(req)
	if err != nil {
		return nil, err
	}
	if err := s.m.Stop(e); err != nil {
		return nil, err
	}
	return describe(e), nil
}

// delete answers with the entry as it was.
func (s *instance) delete(_ *service.Call, req *rpc.CronID) (any, error) {
	e, err := s.find(req)
	if err != nil {
		return nil, err
	}
	was := describe(e)
	s.m.Delete(e, req.Kill)
	return was, nil
}

func (s *instance) list(c *service.Call) {
	list := rpc.CronList{Entries: []rpc.CronEntry{}}
	for _, e := range s.m.Entries() {
		list.Entries = append(list.Entries, describe(e))
	}
	c.Respond(list)
}

func (s *instance) sync(_ *service.Call, req *rpc.CronSync) (any, error) {
	if req.Topic != "" || req.Disable {
		s.m.SetSync(s.h.Now(), req.Topic)
		s.listen()
	}
	if req.Epsilon != nil {
		d, err := seconds(*req.Epsilon)
		if err != nil {
			return nil, err
		}
		s.m.SetEpsilon(d)
	}
	topic, epsilon := s.m.Sync()
	if topic == "" {
		return rpc.CronSyncState{Disabled: true}, nil
	}
	return rpc.CronSyncState{Event: topic, Epsilon: epsilon.Seconds()}, nil
}
