// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"strconv"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// coreService is the broker's own services: attributes, events, service names,
// the log, modules. They share one loop and are not listed as modules.
type coreService struct {
	b     *Broker
	h     service.Host
	dmesg service.Streams[struct{}]

	heaptrace heaptrace
}

func (b *Broker) startCore() {
	reg := &service.Registration{
		Name:    "broker",
		Aliases: []string{"attr", "event", "service", "log", "module", "heaptrace"},
		Builtin: true,
		Methods: coreMethods,
		New: func(h service.Host, _ []string) (any, error) {
			s := &coreService{b: b, h: h}
			b.log.Configure(func(l *Log) { l.onAppend = s.logged; l.forward = s.forwardLog })
			return s, nil
		},
	}
	b.StartInternal(reg)
	b.core = b.internals[0]
}

// coreMethods is the authorisation table of the broker's own services.
var coreMethods = []service.Method{
	service.Unary("attr.get", service.Guests, (*coreService).attrGet),
	service.Unary("attr.list", service.Guests, (*coreService).attrList),
	service.Deferred("attr.set", service.Owner, (*coreService).attrSet),
	service.Unary("attr.rm", service.Owner, (*coreService).attrRemove),
	service.Unary("event.subscribe", service.Guests, (*coreService).subscribe),
	service.Unary("event.unsubscribe", service.Guests, (*coreService).unsubscribe),
	service.Raw("event.publish", service.Guests, (*coreService).publish),
	service.Unary("broker.getenv", service.Owner, (*coreService).getenv),
	service.Unary("broker.setenv", service.Owner, (*coreService).setenv),
	service.Unary("broker.conf-builtin", service.Guests, (*coreService).confBuiltin),
	service.Deferred("broker.runtime-stats", service.Owner, (*coreService).runtimeStats),
	service.Unary("heaptrace.start", service.Owner, (*coreService).heaptraceStart),
	service.Deferred("heaptrace.dump", service.Owner, (*coreService).heaptraceDump),
	service.Raw("heaptrace.stop", service.Owner, (*coreService).heaptraceStop),
	service.Deferred("service.add", service.Guests, (*coreService).serviceAdd),
	service.Deferred("service.remove", service.Guests, (*coreService).serviceRemove),
	service.Raw("log.append", service.Owner, (*coreService).logAppend),
	service.Unary("log.stats-get", service.Owner, (*coreService).logStats),
	service.Unary("log.clear", service.Owner, (*coreService).logClear),
	service.Deferred("log.dmesg", service.Owner, (*coreService).logDmesg),
	service.Deferred("log.cancel", service.Owner, (*coreService).logCancel),
	service.Deferred("module.load", service.Owner, (*coreService).moduleLoad),
	service.Deferred("module.remove", service.Owner, (*coreService).moduleRemove),
	service.Raw("module.status", service.Owner, (*coreService).moduleStatus),
	service.Unary("module.debug", service.Owner, (*coreService).moduleDebug),
	service.Deferred("module.trace", service.Owner, (*coreService).moduleTrace),
	service.Unary("module.list", service.Guests, (*coreService).moduleList),
}

func (s *coreService) attrGet(_ *service.Call, req *rpc.Name) (any, error) {
	v, ok := s.b.attrs.Get(req.Name)
	if !ok {
		return nil, syscall.ENOENT
	}
	return rpc.AttrValue{Value: v, Flags: s.b.attrs.flagsOf(req.Name)}, nil
}

func (s *coreService) attrList(*service.Call, *rpc.Empty) (any, error) {
	return rpc.AttrNames{Names: s.b.attrs.Names()}, nil
}

func (s *coreService) attrSet(c *service.Call, req *rpc.AttrSet) {
	if err := s.b.attrs.MaySet(req.Name, req.Force); err != nil {
		c.Fail(err)
		return
	}
	topic := redirectOf(req.Name)
	if topic == "" || req.Force {
		answer(c, s.b.attrs.Set(req.Name, req.Value, req.Force))
		return
	}
	ask := service.Request{Topic: topic, NodeID: message.NodeAny, Payload: *req}
	s.h.Request(ask, func(m *message.Message) {
		err := m.Err()
		if err == nil {
			err = s.b.attrs.Set(req.Name, req.Value, req.Force)
		}
		answer(c, err)
	})
}

func (s *coreService) attrRemove(_ *service.Call, req *rpc.Name) (any, error) {
	return nil, s.b.attrs.Remove(req.Name)
}

// local returns the route id of a client or module of this broker. Requests
// that change what a connection is routed make sense from there only.
func local(c *service.Call) (string, error) {
	if len(c.Msg.Routes) != 1 {
		return "", message.Errorf(syscall.EPROTO, "%s must come from this broker", c.Msg.Topic)
	}
	return c.Msg.Sender(), nil
}

func (s *coreService) subscribe(c *service.Call, req *rpc.Topic) (any, error) {
	id, err := local(c)
	if err != nil {
		return nil, err
	}
	return nil, s.b.router.Subscribe(id, req.Topic, c.Cred())
}

func (s *coreService) unsubscribe(c *service.Call, req *rpc.Topic) (any, error) {
	id, err := local(c)
	if err != nil {
		return nil, err
	}
	return nil, s.b.router.Unsubscribe(id, req.Topic)
}

// publish passes a follower's request on: the leader orders events.
func (s *coreService) publish(c *service.Call) {
	if s.h.Rank() != 0 {
		s.b.core.track.Forget(c.Msg) // answered by the leader
		s.b.router.Upstream(c.Msg)
		return
	}
	var req rpc.EventPublish
	if err := c.Msg.Decode(&req); err != nil {
		c.Fail(err)
		return
	}
	if req.Topic == "" || req.Flags&^int(message.FlagPrivate) != 0 {
		c.Fail(message.Errorf(syscall.EPROTO, "event.publish: bad topic or flags"))
		return
	}
	ev := message.NewEvent(req.Topic, nil)
	ev.Cred, ev.Flags = c.Cred(), message.Flags(req.Flags)
	if req.Payload != nil {
		ev.SetRaw(req.Payload)
	}
	c.Respond(rpc.EventSequence{Seq: s.b.router.Publish(ev)})
}

func (s *coreService) serviceAdd(c *service.Call, req *rpc.ServiceName) {
	id, err := local(c)
	if err == nil {
		err = guestServiceName(c.Cred(), req.Service)
	}
	if err == nil {
		err = s.b.router.AddService(req.Service, id)
	}
	answer(c, err)
}

// guestServiceName lets guests register names that begin with their userid
// alone, so that nobody can pose as a service of the instance.
func guestServiceName(cred message.Cred, name string) error {
	if cred.IsOwner() {
		return nil
	}
	prefix := strconv.FormatUint(uint64(cred.UserID), 10) + "-"
	if len(name) <= len(prefix) || name[:len(prefix)] != prefix {
		return syscall.EPERM
	}
	return nil
}

func (s *coreService) serviceRemove(c *service.Call, req *rpc.ServiceName) {
	id, err := local(c)
	if err == nil {
		err = s.b.router.RemoveService(req.Service, id)
	}
	answer(c, err)
}

func answer(c *service.Call, err error) {
	if err != nil {
		c.Fail(err)
		return
	}
	c.Respond(nil)
}

func (s *coreService) moduleLoad(c *service.Call, req *rpc.ModuleLoad) {
	s.b.LoadModule(req, func(err error) {
		s.h.Post(func() { answer(c, err) })
	})
}

func (s *coreService) moduleRemove(c *service.Call, req *rpc.ModuleRemove) {
	s.b.mods.Remove(req.Name, req.Cancel, func(err error) {
		s.h.Post(func() { answer(c, err) })
	})
}

func (s *coreService) moduleList(*service.Call, *rpc.Empty) (any, error) {
	return rpc.ModuleList{Mods: s.b.mods.List()}, nil
}

// errStatus refuses a report that cannot be read.
var errStatus = message.Errorf(syscall.EPROTO, "error decoding module.status request")

// moduleStatus answers those who report about themselves without being modules,
// so that modules can be tried out without a broker (RFC 5, Status Request).
func (s *coreService) moduleStatus(c *service.Call) {
	var req rpc.ModuleStatus
	if err := c.Msg.Decode(&req); err != nil || req.Status == nil {
		c.Fail(errStatus)
		return
	}
	c.Respond(nil)
}

// moduleDebug holds back a module's messages, for tests.
func (s *coreService) moduleDebug(_ *service.Call, req *rpc.ModuleDebug) (any, error) {
	on := false
	if req.Defer != nil {
		on = *req.Defer
	}
	return nil, s.b.mods.Defer(req.Name, on)
}

// Disconnect forgets a client's streams.
func (s *coreService) Disconnect(sender string) {
	s.dmesg.Disconnect(sender, nil)
	s.b.mods.traced.disconnect(sender)
}
