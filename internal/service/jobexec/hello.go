// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"cmp"
	"slices"

	"goflux/internal/rpc"
	"goflux/internal/service"
)

// This file keeps a job from being started twice on a node that does not know
// of the first time. That a launch is for a second time is what a node tells by
// its memory, the directories of its jobs. Where this is gone, with the node's
// power, only what is on record of the job's start could tell; and a launch that
// was lost on the way, or that a leader made which died, has not come to be on
// record. So such a node takes no job before the leader has given up those that
// may have begun there, and that is durable.

// agentHello serves job-exec.agent-hello.
func (e *exec) agentHello(c *service.Call, req *rpc.AgentHello) {
	switch {
	case !e.whole && len(e.early) == maxEarly: // it asks again
		c.Fail(errNotWhole)
		return
	case !e.whole:
		e.early = append(e.early, func() { e.agentHello(c, req) })
		return
	}
	welcome := rpc.AgentWelcome{Term: e.term}
	for _, j := range e.jobs {
		sh := j.shells[req.Rank]
		if sh == nil || sh.ended || sh.pid != 0 || !j.again && !sh.unsure {
			continue // if it has begun, the node will be found to have it no more
		}
		welcome.Lost = append(welcome.Lost, rpc.AgentShell{ID: j.id, Attempt: j.attempt})
	}
	slices.SortFunc(welcome.Lost, func(a, b rpc.AgentShell) int { return cmp.Compare(a.ID, b.ID) })
	for _, s := range welcome.Lost {
		j := e.jobs[s.ID]
		e.shellGone(j, j.shells[req.Rank], ": it was restarted while the job was being started")
	}
	e.recorded(false, func(err error) {
		if err != nil { // it asks again
			c.Fail(err)
			return
		}
		c.Respond(&welcome)
	})
}

// maxEarly bounds how many nodes wait for the jobs to be known: more than there
// are, but for those that are restarted again and again meanwhile.
const maxEarly = 1 << 16
