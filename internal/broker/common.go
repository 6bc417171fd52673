// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"strings"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// common serves the methods every module has (RFC 5, Default Message
// Handlers); false when the topic is none of them.
func (m *module) common(c *service.Call) bool {
	_, method, _ := strings.Cut(c.Msg.Topic, ".")
	serve, ok := commonMethods[method]
	if !ok {
		return false
	}
	if !c.Cred().Allows(serve.allow) {
		c.Fail(message.Errorf(syscall.EPERM, "Request requires owner credentials"))
		return true
	}
	serve.fn(m, c)
	return true
}

// commonMethods is the authorisation table of the methods every module has.
var commonMethods = map[string]struct {
	allow message.Role
	fn    func(*module, *service.Call)
}{
	"ping":          {service.Guests, (*module).ping},
	"stats-get":     {service.Guests, (*module).stats},
	"stats-clear":   {service.Owner, (*module).clearStats},
	"rusage":        {service.Guests, (*module).rusage},
	"debug":         {service.Owner, (*module).debugFlags},
	"config-reload": {service.Owner, (*module).reconfigure},
	"disconnect":    {service.Guests, (*module).disconnect},
}

// ping returns the request's payload with the route it took.
func (m *module) ping(c *service.Call) {
	body := map[string]any{}
	if err := c.Msg.Decode(&body); err != nil {
		c.Fail(err)
		return
	}
	hops := make([]string, len(c.Msg.Routes))
	for i, id := range c.Msg.Routes {
		hops[i] = shortID(id)
	}
	body["route"] = strings.Join(append(hops, shortID(m.uuid)), "!")
	body["userid"] = c.Msg.UserID
	body["rolemask"] = uint32(c.Msg.Rolemask)
	body["rank"] = m.Rank()
	c.Respond(body)
}

func shortID(uuid string) string { return uuid[:min(8, len(uuid))] }

func (m *module) stats(c *service.Call) {
	if s, ok := m.inst.(service.Statser); ok {
		c.Respond(s.Stats())
		return
	}
	c.Respond(m.counts)
}

func (m *module) clearStats(c *service.Call) {
	m.zeroStats()
	c.Respond(nil)
}

func (m *module) zeroStats() {
	if s, ok := m.inst.(service.StatsClearer); ok {
		s.ClearStats()
	}
	m.counts = msgCounts{}
}

func (m *module) rusage(c *service.Call) {
	usage, err := rusageOf(c)
	if err != nil {
		c.Fail(err)
		return
	}
	c.Respond(usage)
}

func rusageOf(c *service.Call) (*rpc.Rusage, error) {
	who := syscall.RUSAGE_SELF
	if c.Msg.HasPayload() {
		var req rpc.RusageRequest
		if err := c.Msg.Decode(&req); err != nil {
			return nil, err
		}
		switch req.Who {
		case "", "self":
		case "children":
			who = syscall.RUSAGE_CHILDREN
		case "thread":
			// A service runs on whatever thread the scheduler picks, so the
			// process is the smallest thing that can be told.
		default:
			return nil, message.Errorf(syscall.EINVAL, "%q is not a valid target", req.Who)
		}
	}
	var ru syscall.Rusage
	if err := syscall.Getrusage(who, &ru); err != nil {
		return nil, err
	}
	return rpc.NewRusage(&ru), nil
}

func (m *module) debugFlags(c *service.Call) {
	var req rpc.DebugRequest
	if err := c.Msg.Decode(&req); err != nil {
		c.Fail(err)
		return
	}
	switch req.Op {
	case "setbit":
		m.debug |= req.Flags
	case "clrbit":
		m.debug &^= req.Flags
	case "set":
		m.debug = req.Flags
	case "clr":
		m.debug = 0
	default:
		c.Fail(message.Errorf(syscall.EPROTO, "%q is not an operation on debug flags", req.Op))
		return
	}
	if w, ok := m.inst.(service.DebugWatcher); ok {
		w.DebugFlags(m.debug)
	}
	c.Respond(rpc.DebugResponse{Flags: m.debug})
}

// reconfigure tells the instance of a configuration it may refuse. Those that
// take none accept any.
func (m *module) reconfigure(c *service.Call) {
	var err error
	switch s := m.inst.(type) {
	case service.Configurable:
		err = s.Reconfigure()
	case service.GroupConfigurable:
		name, _, _ := strings.Cut(c.Msg.Topic, ".")
		err = s.ReconfigureAs(name)
	}
	if err != nil {
		c.Fail(err)
		return
	}
	c.Respond(nil)
}

// disconnect is a client's farewell; a relay passes it on, since the streams
// are held upstream.
func (m *module) disconnect(c *service.Call) {
	if s, ok := m.inst.(service.Disconnecter); ok {
		s.Disconnect(c.Msg.Sender())
	}
	if m.reg.Relay {
		m.router.Upstream(c.Msg)
		return
	}
	c.Respond(nil)
}
