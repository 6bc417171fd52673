// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"fmt"
	"slices"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// barrier holds a shell until all of the job's shells have come.
func (e *exec) barrier(c *service.Call, req *rpc.ShellBarrier) {
	j := e.jobs[req.ID]
	if j == nil {
		c.Fail(message.Errorf(syscall.ENOENT, "job %s is not running", req.ID))
		return
	}
	if err := c.Cred().Authorize(j.userid); err != nil {
		c.Fail(err)
		return
	}
	if j.shells[req.Rank] == nil || j.entered[req.Rank] {
		c.Fail(message.Errorf(syscall.EINVAL, "rank %d cannot enter the barrier", req.Rank))
		return
	}
	j.entered[req.Rank] = true
	j.barrier = append(j.barrier, c)
	if len(j.barrier) < len(j.ranks) {
		return
	}
	for _, b := range j.barrier {
		b.Respond(nil)
	}
	j.barrier = nil
	clear(j.entered)
}

// checkBarrier ends a job whose shell left while others wait for it.
func (e *exec) checkBarrier(j *job, sh *shell) {
	if len(j.barrier) == 0 || j.entered[sh.rank] {
		return
	}
	for _, b := range j.barrier {
		b.Fail(message.Errorf(syscall.ECANCELED, "a shell ended before the barrier"))
	}
	j.barrier = nil
	clear(j.entered)
	e.fatalError(j, fmt.Sprintf("shell exited while others waited in a barrier: %s (rank %d)", j.r.Host(sh.rank), sh.rank))
}

// Disconnect implements service.Disconnecter: a shell that is out of reach has
// not come to the barrier; it will again if it returns.
func (e *exec) Disconnect(sender string) {
	for _, j := range e.jobs {
		j.barrier = slices.DeleteFunc(j.barrier, func(c *service.Call) bool {
			if c.Msg.Sender() != sender {
				return false
			}
			var req rpc.ShellBarrier
			if c.Msg.Decode(&req) == nil {
				delete(j.entered, req.Rank)
			}
			return true
		})
	}
}
