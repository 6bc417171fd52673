// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"fmt"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// This file is about shells that an earlier execution service has started, and
// that know more of how far the job has come than this one.

// askPassed finds out whether a barrier was passed before this service came:
// then a shell waits in it that lost the answer, and the others will not come.
func (e *exec) askPassed(j *job, seq int) {
	b := &j.barrier
	if len(b.entered) == 0 || b.passed >= seq {
		b.asking = false
		return
	}
	for _, rank := range j.ranks {
		if b.entered[rank] != nil {
			continue
		}
		if j.shells[rank].ended {
			if j.found { // see checkBarrier
				b.pass(seq)
				break
			}
			continue
		}
		e.h.Request(service.Request{Topic: e.shellTopic(j, "barriers"), NodeID: rank}, func(m *message.Message) {
			var p rpc.ShellPassed
			if m.Err() == nil && m.Decode(&p) == nil && p.Passed >= seq && b.passed < seq {
				b.pass(seq)
			}
		})
	}
	e.h.After(relaunchPause, func() { e.askPassed(j, seq) })
}

// errEnding lets shells go that wait for others: the job is to end, of which it
// has been told (see the shell's barrier).
var errEnding = message.Errorf(syscall.EIO, "the job is being ended")

// shellTopic is a method of the job's shells.
func (e *exec) shellTopic(j *job, method string) string {
	return fmt.Sprintf("%d-shell-%s.%s", j.userid, j.id.F58ASCII(), method)
}

// end ends a job's shells, as far as they are there.
func (e *exec) end(j *job, sig syscall.Signal) {
	j.fatal = true
	j.barrier.fail(errEnding)
	j.killer = &killer{began: e.h.Now(), pause: e.conf.killTimeout, asked: sig}
	e.signal(j, sig)
	e.escalate(j)
}
