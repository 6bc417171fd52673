// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"fmt"
	"maps"
	"slices"
	"syscall"

	"goflux/idset"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/sys/locale"
)

// barrier holds a job's shells until all of them have come.
type barrier struct {
	entered map[uint32]*service.Call // by rank
	passed  int                      // how often
	asking  bool                     // see askPassed
	timer   service.Timer
}

// pass lets all go that wait: seq barriers have been passed.
func (b *barrier) pass(seq int) {
	b.passed = seq
	b.open(func(c *service.Call) { c.Respond(nil) })
}

// fail lets all go that wait, with an error.
func (b *barrier) fail(err error) {
	b.open(func(c *service.Call) { c.Fail(err) })
}

func (b *barrier) open(tell func(*service.Call)) {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	waiting := b.entered
	b.entered = map[uint32]*service.Call{}
	for _, rank := range slices.Sorted(maps.Keys(waiting)) {
		tell(waiting[rank])
	}
}

func (e *exec) enterBarrier(c *service.Call, req *rpc.ShellBarrier) {
	c.Insist()
	j := e.jobs[req.ID]
	if j == nil && !e.whole {
		c.Fail(message.Errorf(syscall.EAGAIN, "job %s is not known yet", req.ID))
		return
	}
	if j == nil {
		c.Fail(message.Errorf(syscall.ENOENT, "job %s is not running", req.ID))
		return
	}
	if err := c.Cred().Authorize(j.userid); err != nil {
		c.Fail(err)
		return
	}
	b := &j.barrier
	if j.killer != nil {
		c.Fail(errEnding)
		return
	}
	if j.shells[req.Rank] == nil {
		c.Fail(message.Errorf(syscall.EINVAL, "rank %d cannot enter the barrier", req.Rank))
		return
	}
	// A shell whose broker was away asks again: the latest request counts, and
	// one for a barrier that has been passed is answered at once. One that does
	// not count means the next.
	seq := req.Seq
	if seq == 0 {
		seq = b.passed + 1
	}
	if seq <= b.passed {
		c.Respond(nil)
		return
	}
	b.passed = seq - 1 // an earlier service saw the others through
	if former := b.entered[req.Rank]; former != nil {
		former.Fail(message.Errorf(syscall.ECANCELED, "rank %d has entered the barrier again", req.Rank))
	}
	b.entered[req.Rank] = c
	if len(b.entered) < len(j.ranks) {
		if len(b.entered) == 1 && b.passed == 0 {
			e.boundBarrier(j)
		}
		if !b.asking && e.lasting() {
			b.asking = true
			e.h.After(relaunchPause, func() { e.askPassed(j, seq) })
		}
		return
	}
	b.pass(seq)
}

// boundBarrier bounds how long the shells that have started wait for the others.
func (e *exec) boundBarrier(j *job) {
	limit := e.conf.barrierTimeout
	if j.bulk.barrier != nil {
		limit = *j.bulk.barrier
	}
	if limit <= 0 {
		return
	}
	j.barrier.timer = e.h.After(limit, func() {
		absent := idset.New()
		for rank := range j.shells {
			if j.barrier.entered[rank] == nil {
				absent.Add(rank)
			}
		}
		e.drain(absent, fmt.Sprintf("job %s start timeout", locale.JobID(j.id)))
		e.fatalError(j, fmt.Sprintf("start barrier timeout: %d of %d shells have not started (rank %s)",
			absent.Len(), len(j.shells), absent))
	})
}

// checkBarrier ends a job whose shell left while others wait for it. One that
// was there before this service may have passed the barrier long ago: if it has
// not, and failed, it has said so itself.
func (e *exec) checkBarrier(j *job, sh *shell) {
	b := &j.barrier
	if len(b.entered) == 0 || b.entered[sh.rank] != nil {
		return
	}
	if j.found {
		b.pass(b.passed + 1)
		return
	}
	b.fail(message.Errorf(syscall.ECANCELED, "a shell ended before the barrier"))
	e.fatalError(j, fmt.Sprintf("shell exited while others waited in a barrier: %s (rank %d)", j.r.Host(sh.rank), sh.rank))
}

// Disconnect implements service.Disconnecter: a shell that is out of reach has
// not come to the barrier; it will again if it returns.
func (e *exec) Disconnect(sender string) {
	for _, j := range e.jobs {
		for rank, c := range j.barrier.entered {
			if c.Msg.Sender() == sender {
				delete(j.barrier.entered, rank)
			}
		}
	}
}

// awaitStragglers bounds how long a job goes on when its leader's shell has
// ended and others have not: by then they are stuck, or what wraps them is.
func (e *exec) awaitStragglers(j *job) {
	limit := e.conf.shellExitTimeout
	if limit == 0 || j.fatal {
		return
	}
	// Where brokers return, the others may not have been able to say that they end.
	if service.BrokersReturn(e.h) {
		limit += e.conf.nodeReturn
	}
	j.straggle = e.h.After(limit, func() {
		e.fatalError(j, fmt.Sprintf("shells on rank %s have not ended within %gs (shell-exit-timeout) of the leader's",
			j.activeRanks(nil), limit.Seconds()))
	})
}
