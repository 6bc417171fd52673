// SPDX-License-Identifier: LGPL-3.0-or-later

package jobagent

import (
	"cmp"
	"slices"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// This file ends shells that nobody wants any more. While a node is away, be it
// that its broker died or that the network failed, the leader may give up its
// jobs; their shells on it know nothing of that. How a shell ended is kept until
// the leader has it on record, or does not want it either: however long it is away,
// no job must be started again because it is forgotten here that it has ended.

// claimEvery is how often the leader is asked about shells that it has not
// asked for. It asks for those that it wants when it finds the node again.
const claimEvery = 15 * time.Second

// unclaimed has the leader asked soon, if there are shells nobody waits for.
func (a *agent) unclaimed() {
	if a.asking || len(a.orphans()) == 0 {
		return
	}
	a.asking = true
	a.h.After(claimEvery, func() {
		list := a.orphans()
		if len(list) == 0 {
			a.asking = false
			return
		}
		a.h.Request(service.Request{
			Topic: "job-exec.claims", NodeID: 0, Payload: rpc.AgentShells{Shells: list},
		}, func(m *message.Message) {
			var gone rpc.AgentShells
			if m.Err() == nil && m.Decode(&gone) == nil { // else the next time
				a.endShells(gone.Shells)
			}
			a.asking = false
			a.unclaimed()
		})
	})
}

// orphans are the shells that nobody waits for, also those that have ended.
func (a *agent) orphans() []rpc.AgentShell {
	var list []rpc.AgentShell
	for _, s := range a.shells {
		if s.call == nil {
			list = append(list, rpc.AgentShell{ID: s.id, Attempt: s.attempt})
		}
	}
	slices.SortFunc(list, func(a, b rpc.AgentShell) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// endShells kills what is left of jobs that were given up, and forgets what has
// ended.
func (a *agent) endShells(list []rpc.AgentShell) {
	for _, g := range list {
		s := a.shells[g.ID]
		if s == nil || s.attempt != g.Attempt || s.call != nil {
			continue
		}
		if s.over {
			a.drop(s)
			continue
		}
		a.h.Log().Warn("killing what is left of a job that was given up while this node was away", "jobid", s.id.F58(), "pid", s.pid)
		if err := a.node.Kill(-s.pid, syscall.SIGKILL); err != nil {
			a.h.Log().Error("killing a shell", "jobid", s.id.F58(), "pid", s.pid, "err", err)
		}
	}
}

// left forgets who waits for shells, when that is gone or out of reach.
func (a *agent) left(sender string) {
	for _, s := range a.shells {
		if s.call != nil && s.call.Msg.Sender() == sender {
			s.call = nil
		}
	}
	a.parked = slices.DeleteFunc(a.parked, func(p *parked) bool { return p.call.Msg.Sender() == sender })
	a.unclaimed()
}
