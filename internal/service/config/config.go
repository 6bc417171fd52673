// SPDX-License-Identifier: LGPL-3.0-or-later

package config

import (
	"context"
	"fmt"
	"reflect"
	"syscall"

	"goflux/internal/config"
	"goflux/internal/core/lifecycle"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/upstream"
)

// StoreKey is the shared object, a [Store], that the service needs.
const StoreKey = "config"

// Store holds the configuration that the services of a broker see.
type Store interface{ SetConfig(config.Table) }

// Service is the registration.
var Service = &service.Registration{
	Name:    "config",
	Builtin: true,
	Methods: []service.Method{
		service.Deferred("config.get", service.Guests, (*instance).get),
		service.Deferred("config.reload", service.Owner, (*instance).reload),
		service.Raw("config.load", service.Owner, (*instance).load),
	},
	New: construct,
}

type instance struct {
	h       service.Host
	store   Store
	getters service.Streams[struct{}]
	synced  bool
	busy    bool     // a change is being made
	waiting []func() // further changes
}

func construct(h service.Host, _ []string) (any, error) {
	store, ok := h.Shared(StoreKey).(Store)
	if !ok {
		return nil, message.Errorf(syscall.EINVAL, "the broker has no place for a configuration")
	}
	s := &instance{h: h, store: store}
	if h.Rank() != 0 {
		s.watchState()
	}
	return s, nil
}

func (s *instance) get(c *service.Call, _ *rpc.Empty) {
	c.Respond(s.h.Config())
	if c.Streaming() {
		s.getters.Add(c, struct{}{})
	}
}

// Disconnect forgets a client's streams.
func (s *instance) Disconnect(sender string) { s.getters.Disconnect(sender, nil) }

// errFollower refuses changes on followers, which have the leader's.
var errFollower = message.Errorf(syscall.EINVAL, "configuration can only be changed on rank 0")

func (s *instance) reload(c *service.Call, _ *rpc.Empty) {
	if s.h.Rank() != 0 {
		c.Fail(errFollower)
		return
	}
	path, ok := s.h.Attr("config.path")
	if !ok || path == "" {
		c.Respond(nil)
		return
	}
	var conf config.Table
	var err error
	s.h.Go(func(context.Context) { conf, err = config.Load(path) }, func() {
		if err != nil {
			c.Fail(message.Errorf(message.Errno(err), "Config file error: %v", err))
			return
		}
		s.change(conf, answer(c))
	})
}

func answer(c *service.Call) func(error) {
	return func(err error) {
		if err != nil {
			c.Fail(err)
			return
		}
		c.Respond(nil)
	}
}

func (s *instance) load(c *service.Call) {
	if s.h.Rank() != 0 {
		c.Fail(errFollower)
		return
	}
	conf := config.Table{}
	if err := config.Update(conf, string(c.Msg.JSON())); err != nil {
		c.Fail(message.Errorf(syscall.EPROTO, "error decoding config.load request: %v", err))
		return
	}
	s.change(conf, answer(c))
}

// change makes conf the configuration if all modules accept it. One change is
// made at a time.
func (s *instance) change(conf config.Table, done func(error)) {
	if s.busy {
		s.waiting = append(s.waiting, func() { s.change(conf, done) })
		return
	}
	old := s.h.Config()
	if reflect.DeepEqual(old, conf) {
		done(nil)
		return
	}
	s.busy = true
	s.store.SetConfig(conf)
	s.tellModules(conf, func(told []string, err error) {
		if err != nil {
			s.store.SetConfig(old)
			s.tell(old, told, nil, func([]string, error) { s.finish(done, err) })
			return
		}
		for st := range s.getters.All() {
			st.Respond(conf)
		}
		s.finish(done, nil)
	})
}

func (s *instance) finish(done func(error), err error) {
	s.busy = false
	done(err)
	if len(s.waiting) > 0 && !s.busy {
		next := s.waiting[0]
		s.waiting = s.waiting[1:]
		next()
	}
}

// tellModules tells all modules, one after the other; done gets those that
// accepted it.
func (s *instance) tellModules(conf config.Table, done func(told []string, err error)) {
	s.h.Request(service.Request{Topic: "module.list", NodeID: message.NodeAny}, func(m *message.Message) {
		var list rpc.ModuleList
		if err := m.Err(); err != nil {
			done(nil, fmt.Errorf("module.list: %w", err))
			return
		}
		if err := m.Decode(&list); err != nil {
			done(nil, err)
			return
		}
		var names []string
		for _, mod := range list.Mods {
			if mod.Name != s.h.Name() {
				names = append(names, mod.Name)
			}
		}
		s.tell(conf, names, nil, done)
	})
}

func (s *instance) tell(conf config.Table, names, told []string, done func([]string, error)) {
	if len(names) == 0 {
		done(told, nil)
		return
	}
	name := names[0]
	ask := service.Request{Topic: name + ".config-reload", NodeID: message.NodeAny, Payload: conf}
	s.h.Request(ask, func(m *message.Message) {
		if err := m.Err(); err != nil && message.Errno(err) != syscall.ENOSYS {
			done(told, message.Errorf(message.Errno(err), "error updating %s: %v", name, err))
			return
		}
		s.tell(conf, names[1:], append(told, name), done)
	})
}

// watchState waits for the moment to take the leader's configuration.
func (s *instance) watchState() {
	final := int(lifecycle.ConfigSync)
	s.h.Request(service.Request{
		Topic: "state-machine.monitor", NodeID: message.NodeAny, Flags: message.FlagStreaming,
		Payload: rpc.StateMonitor{Final: &final},
	}, func(m *message.Message) {
		var st rpc.StateNumber
		if m.Err() == nil && m.Decode(&st) == nil && lifecycle.State(st.State) == lifecycle.ConfigSync {
			s.follow()
		}
	})
}

// follow takes the parent's configuration, now and on each change.
func (s *instance) follow() {
	upstream.Stream(s.h, "config.get", nil, func(m *message.Message) {
		conf := config.Table{}
		err := m.Err()
		if err == nil {
			err = config.Update(conf, string(m.JSON()))
		}
		if s.synced && message.Errno(err) == syscall.EHOSTUNREACH {
			return // the broker ends without its parent, which others tell of
		}
		if err != nil {
			s.h.Log().Log(context.Background(), service.LevelCrit, fmt.Sprintf("parent update: %v", err))
			s.sync("sync-fail")
			return
		}
		s.change(conf, func(err error) {
			if err != nil {
				s.h.Log().Error(fmt.Sprintf("parent update: %v", err))
				s.sync("sync-fail")
				return
			}
			s.sync("sync-success")
		})
	})
}

// sync tells the state machine, once, how it went.
func (s *instance) sync(event string) {
	if s.synced {
		return
	}
	s.synced = true
	s.h.Request(service.Request{Topic: "state-machine.post", NodeID: message.NodeAny, Payload: rpc.StatePost{Event: event}}, nil)
}
