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
// may have begun there, and that is durable. A launch of such a job may still be on
// its way then, or wait at the node: it is told by its number. The node may say
// hello twice, from two lives or since the answer was lost, and only the first time
// is there anything to be given up.

// agentHello serves job-exec.agent-hello.
func (e *exec) agentHello(c *service.Call, req *rpc.AgentHello) {
	if e.tooEarly(c, func() { e.agentHello(c, req) }) {
		return
	}
	welcome := rpc.AgentWelcome{Term: e.term, Number: e.launches}
	for _, j := range e.mayHaveBegun(req.Rank) {
		e.giveUp(j, j.shells[req.Rank], ": it was restarted while the job was being started")
	}
	e.recorded(false, func(err error) {
		if err != nil { // it asks again
			c.Fail(err)
			return
		}
		c.Respond(&welcome)
	})
}

// tooEarly keeps a request for when all jobs of an earlier service are known, unless
// they are.
func (e *exec) tooEarly(c *service.Call, serve func()) bool {
	switch {
	case e.whole:
		return false
	case len(e.early) == maxEarly: // it asks again
		c.Fail(errNotWhole)
	default:
		e.early = append(e.early, serve)
	}
	return true
}

// mayHaveBegun lists the jobs whose shell may have begun on a node, and of which
// that is not on record. Where the shell is known to have begun, or to have ended
// since, it is known here alone: as long as the job waits for other nodes, its
// start is not on record, and the next leader would have it started everywhere.
func (e *exec) mayHaveBegun(rank uint32) []*job {
	var jobs []*job
	for _, j := range e.jobs {
		sh := j.shells[rank]
		switch {
		case sh == nil:
		case sh.pid == 0 && !sh.ended:
			if sh.unsure {
				jobs = append(jobs, j)
			}
		case !j.onRecord(): // else the node will be found to have it no more
			jobs = append(jobs, j)
		}
	}
	slices.SortFunc(jobs, func(a, b *job) int { return cmp.Compare(a.id, b.id) })
	return jobs
}

// onRecord tells whether the job's start is, or will be before anything that is
// recorded from now on.
func (j *job) onRecord() bool { return j.started || j.reattach }

// giveUp ends a job that may have begun on a node that does not know that. When
// its start is not on record it cannot do without the node, critical or not: it
// would be started there again.
func (e *exec) giveUp(j *job, sh *shell, how string) {
	if !j.onRecord() {
		e.failNode(j, sh, how)
	}
	if !sh.ended {
		e.shellGone(j, sh, how)
	}
}

// maxEarly bounds how many nodes and jobs wait for the jobs to be known: more than
// there are, but for nodes that are restarted again and again meanwhile.
const maxEarly = 1 << 16
