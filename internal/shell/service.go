// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
)

// service is what the shell answers as UID-shell-ID: requests of the other
// shells, of the execution service, and of tools. The job's user and the
// instance owner may use it.
type service struct {
	s        *Shell
	name     string
	uid      uint32
	methods  map[string]func(*flux.Message)
	families map[string]func(rest string, m *flux.Message)
	gone     []func(sender string)
	asked    bool // somebody has asked something
}

// offer registers the service; what comes on the channel says when.
func (v *service) offer() <-chan error {
	v.uid = uint32(os.Getuid())
	v.name = fmt.Sprintf("%d-shell-%s", v.uid, v.s.job.ID.F58ASCII())
	v.methods = map[string]func(*flux.Message){}
	v.families = map[string]func(string, *flux.Message){}
	ready := make(chan error, 1)
	v.s.link.offer(v.name, fmt.Sprintf("shell-%d.", uint64(v.s.job.ID)), func(err error) { ready <- err })
	return ready
}

// handle serves a method. It is to be called by plugins' init.
func (v *service) handle(method string, fn func(*flux.Message)) { v.methods[method] = fn }

// handleAll serves the methods FAMILY.REST.
func (v *service) handleAll(family string, fn func(rest string, m *flux.Message)) {
	v.families[family] = fn
}

// onDisconnect is told of clients that are gone.
func (v *service) onDisconnect(fn func(sender string)) { v.gone = append(v.gone, fn) }

func (v *service) request(m *flux.Message) {
	v.asked = true
	if v.s.dying {
		return // the broker answers when the shell is gone
	}
	if err := m.Cred.Authorize(v.uid); err != nil {
		v.s.link.fail(m, err)
		return
	}
	_, method, _ := strings.Cut(m.Topic, ".")
	if method == "disconnect" {
		for _, fn := range v.gone {
			fn(m.Sender())
		}
		return
	}
	if fn := v.methods[method]; fn != nil {
		fn(m)
		return
	}
	family, rest, _ := strings.Cut(method, ".")
	if fn := v.families[family]; fn != nil {
		fn(rest, m)
		return
	}
	v.s.link.fail(m, message.Errorf(syscall.ENOSYS, "Unknown service method %s", m.Topic))
}

// handler decodes requests for fn; an error is the answer unless none is wanted.
func handler[Req any](s *Shell, fn func(m *flux.Message, req *Req) error) func(*flux.Message) {
	return func(m *flux.Message) {
		req := new(Req)
		err := m.Decode(req)
		if err == nil {
			err = fn(m, req)
		}
		switch {
		case err == nil:
		case m.Is(message.FlagNoResponse):
			s.log.errorf("", "%s: %s", m.Topic, flux.ErrorText(err))
		default:
			s.link.fail(m, err)
		}
	}
}

// topic is that of a method of the job's shells.
func (v *service) topic(method string) string { return v.name + "." + method }

// tell sends a request without answer to the shell of a rank.
func (s *Shell) tell(rank int, method string, req any) {
	var err error
	if s.link.reconnect {
		err = s.courier.tell(rank, method, req)
	} else {
		err = s.link.notify(s.service.topic(method), s.plan.nodes[rank].rank, req)
	}
	if err != nil {
		s.log.errorf("", "%s to shell %d: %s", method, rank, flux.ErrorText(err))
	}
}

// ask sends a request to the shell of a rank.
func (s *Shell) ask(rank int, method string, req any, done func(*flux.Message, error)) {
	s.link.rpc(s.service.topic(method), s.plan.nodes[rank].rank, req, done)
}

// event takes an event shell-ID.*.
func (s *Shell) event(m *flux.Message) {
	_, what, _ := strings.Cut(m.Topic, ".")
	if what != "kill" {
		return
	}
	var k rpc.ShellKill
	if err := m.Decode(&k); err != nil || k.Signum <= 0 {
		s.log.warnf("", "kill: ignoring malformed event")
		return
	}
	s.killTasks(syscall.Signal(k.Signum))
}
