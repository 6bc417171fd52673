// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

import (
	"syscall"
	"time"
)

// again is how soon the second key has to follow a Ctrl-C.
const again = 2 * time.Second

// Signal is told about a signal to this process.
func (s *Session) Signal(sig syscall.Signal, now time.Time) {
	soon := !s.interrupt.IsZero() && now.Sub(s.interrupt) <= again
	switch {
	case sig == syscall.SIGINT && soon:
		s.fx.Cancel("interrupted by ctrl-C")
	case sig == syscall.SIGINT:
		s.interrupt = now
		s.fx.CatchSuspend(true)
		s.message("one more ctrl-C within 2s to cancel or ctrl-Z to detach")
	case sig == syscall.SIGTSTP && soon:
		for path := range s.logs {
			s.fx.Unwatch(path)
		}
		s.message("detaching...")
	case sig == syscall.SIGTSTP:
		s.fx.CatchSuspend(false)
		s.message("one more ctrl-Z to suspend")
	default:
		s.fx.Kill(int(sig))
	}
}

// Failed is told that a Kill or Cancel ("kill", "cancel") failed.
func (s *Session) Failed(what, why string) { s.message("%s: %s", what, why) }
