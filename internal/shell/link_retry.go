// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"syscall"
	"time"

	"goflux/flux"
	"goflux/internal/message"
)

const (
	// retryFirst and retryMost are the waits before a request that has not
	// reached whom it was for is made once more.
	retryFirst = 100 * time.Millisecond
	retryMost  = 2 * time.Second
	// restartTime is how long the leader's services may be missing: an instance
	// that starts again has its broker first.
	restartTime = 2 * time.Minute
)

// retry makes a request once more that failed because the way to the leader or
// to another node is cut, or the leader is starting: the broker here stays, and
// so does the job. It is false when the failure is an answer. A full disk on the
// leader is none: what the job has to say waits until there is room.
func (k *brokerLink) retry(r *call, err error) bool {
	num := message.Errno(err)
	if !k.reconnect && num != syscall.ENOSPC {
		return false
	}
	switch num {
	case syscall.ENOSPC:
	case syscall.EHOSTUNREACH: // whoever is away for too long ends the job
	case syscall.ENOSYS, syscall.EAGAIN:
		if r.missing.IsZero() {
			r.missing = time.Now()
		}
		if r.node != flux.NodeAny || time.Since(r.missing) > restartTime {
			return false
		}
	default:
		return false
	}
	r.wait = min(max(2*r.wait, retryFirst), retryMost)
	r.again = k.after(r.wait, func() {
		if r.again = nil; k.calls[r] && k.up {
			k.send(r)
		}
	})
	return true
}
