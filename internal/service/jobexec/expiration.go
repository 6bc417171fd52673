// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"fmt"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/sys/locale"
)

// debugNoExpiration has updates of a job's time limit fail.
const debugNoExpiration = 1

// DebugFlags implements service.DebugWatcher.
func (e *exec) DebugFlags(flags int) { e.debug = flags }

// lateness is how long, in seconds, a job starts after its allocation, if that is
// more than the part of its duration, in percent, that it may lose; else 0. The
// times are seconds since the epoch, and an end of 0 is none.
func lateness(now, start, end, percent float64) float64 {
	late := now - start
	if start <= 0 || end <= start || late <= (end-start)*percent/100 {
		return 0
	}
	return late
}

// armExpiration sets the job's time limit, in seconds since the epoch; 0 is none.
func (e *exec) armExpiration(j *job, at float64) {
	if j.expire != nil {
		j.expire.Stop()
		j.expire = nil
	}
	if j.until = 0; at <= 0 {
		return
	}
	j.until = at + j.extra
	left := time.Duration((j.until - float64(e.h.Now().UnixNano())/1e9) * float64(time.Second))
	j.expire = e.h.After(max(left, 0), func() {
		e.respond(j, "exception", rpc.ExecData{Severity: 0, Type: "timeout", Note: "resource allocation expired"})
	})
}

func (e *exec) expiration(_ *service.Call, req *rpc.ExecExpiration) (any, error) {
	j := e.jobs[req.ID]
	if j == nil {
		return nil, syscall.ENOENT
	}
	if req.Expiration < 0 {
		return nil, message.Errorf(syscall.EINVAL, "invalid expiration")
	}
	if e.debug&debugNoExpiration != 0 {
		return nil, message.Errorf(syscall.EINVAL, "debug: no expiration is updated")
	}
	j.extra = 0 // who sets the end anew knows when the job has started
	e.armExpiration(j, req.Expiration)
	e.h.Log().Debug(fmt.Sprintf("updated expiration of %s to %.2f", locale.JobID(j.id), req.Expiration))
	return nil, nil
}
