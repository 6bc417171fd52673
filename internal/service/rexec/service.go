// SPDX-License-Identifier: LGPL-3.0-or-later

package rexec

import (
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/sys/process"
	"goflux/internal/sys/subproc"
)

// stopGrace is what processes have between SIGTERM and SIGKILL.
const stopGrace = 5 * time.Second

// Service is the rexec service of one broker.
type Service struct {
	host   service.Host
	server *subproc.Server
	reaper *process.Reaper
	grace  service.Timer
}

// Registration describes the service.
func Registration() *service.Registration {
	return &service.Registration{
		Name: "rexec", Builtin: true,
		Methods: []service.Method{
			guarded("rexec.exec", func(s *Service, c *service.Call, r *rpc.RexecExec) { s.server.Exec(call{c}, r) }),
			guarded("rexec.kill", func(s *Service, c *service.Call, r *rpc.RexecKill) { s.server.Kill(call{c}, r) }),
			guarded("rexec.wait", func(s *Service, c *service.Call, r *rpc.RexecTarget) { s.server.Wait(call{c}, r) }),
			guarded("rexec.attach", func(s *Service, c *service.Call, r *rpc.RexecAttach) { s.server.Attach(call{c}, r) }),
			guarded("rexec.write", func(s *Service, c *service.Call, r *rpc.RexecWrite) { s.server.Write(c.Msg.Sender(), r) }),
			service.Raw("rexec.list", service.Owner, (*Service).list),
		},
		New: func(h service.Host, _ []string) (any, error) { return newService(h), nil },
	}
}

func newService(h service.Host) *Service {
	uri, _ := h.Attr("local-uri")
	s := &Service{host: h, reaper: process.NewReaper()}
	s.server = subproc.New(subproc.Options{
		Post: h.Post, Reaper: s.reaper, Log: h.Log(), Rank: h.Rank(), URI: uri,
	})
	return s
}

// guarded is a method for the owner that [Service.permit] lets through.
func guarded[Req any](topic string, fn func(*Service, *service.Call, *Req)) service.Method {
	return service.Deferred(topic, service.Owner, func(s *Service, c *service.Call, req *Req) {
		if err := s.permit(c); err != nil {
			c.Fail(err)
			return
		}
		fn(s, c, req)
	})
}

// permit refuses requests from other brokers on rank 0 of an instance with guests.
func (s *Service) permit(c *service.Call) error {
	if s.host.Rank() != 0 || c.Cred().Rolemask&message.RoleLocal != 0 || !s.hasGuests() {
		return nil
	}
	return message.Errorf(syscall.EPERM, "Remote rexec requests are not allowed on rank 0")
}

func (s *Service) hasGuests() bool {
	access, _ := s.host.Config()["access"].(map[string]any)
	allow, _ := access["allow-guest-user"].(bool)
	return allow
}

// list has no payload of its own.
func (s *Service) list(c *service.Call) {
	if err := s.permit(c); err != nil {
		c.Fail(err)
		return
	}
	c.Respond(s.server.List())
}

// Disconnect implements service.Disconnecter.
func (s *Service) Disconnect(sender string) { s.server.Disconnect(sender) }

// StopAsync implements service.AsyncStopper.
func (s *Service) StopAsync(done func()) {
	s.grace = s.host.After(stopGrace, func() {
		s.host.Log().Error("subprocess server shutdown: processes outlived SIGTERM", "procs", len(s.server.List().Procs))
		done()
	})
	s.server.Shutdown(syscall.SIGTERM, func() {
		if s.grace.Stop() {
			done()
		}
	})
}

// Stop implements service.Stopper.
func (s *Service) Stop() {
	s.server.Close()
	s.reaper.Close()
}

// call is a service.Call as the engine sees it.
type call struct{ *service.Call }

func (c call) Sender() string   { return c.Msg.Sender() }
func (c call) Matchtag() uint32 { return c.Msg.Matchtag }
