// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"syscall"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
)

// exceptions takes what the execution service has to tell the leader.
type exceptions struct{ s *Shell }

func (e *exceptions) init() error {
	if e.s.leader() {
		e.s.service.handle("exception", handler(e.s, e.take))
	}
	return nil
}

func (e *exceptions) take(m *flux.Message, req *rpc.ShellException) error {
	if req.Message != "" {
		e.s.log.warnf("exception", "%s", req.Message)
	}
	if req.Type == "lost-shell" {
		if req.ShellRank < 0 || req.ShellRank >= e.s.plan.size() {
			return message.Errorf(syscall.EINVAL, "there is no shell %d", req.ShellRank)
		}
		e.s.courier.shellLost(req.ShellRank)
		all(e.s, func(p loser) { p.shellLost(req.ShellRank) })
	}
	e.s.link.respond(m, nil)
	return nil
}
