// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

import (
	"errors"
	"syscall"

	"goflux/eventlog"
	"goflux/flux"
	"goflux/idset"
	"goflux/taskmap"
)

// stdinState is what is known about standard input.
type stdinState struct {
	ranks   string
	sent    bool // data, not only its end
	started bool
	lost    bool // the job has ended, and there was some
}

// startStdin begins to read standard input, unless only some tasks are to get
// it: then shell.start, which tells what tasks there are, is waited for.
func (s *Session) startStdin() {
	if s.ReadOnly || s.stdin.started || s.fatal {
		return
	}
	if s.finished && !s.New {
		s.stdin.lost = s.fx.StdinWaits()
		return
	}
	s.stdin.started = true
	if s.stdin.ranks == AllRanks {
		s.fx.ReadStdin()
	}
}

// Stdin is told what standard input had to give; no data means its end.
func (s *Session) Stdin(data []byte) {
	s.stdin.sent = s.stdin.sent || len(data) > 0
	s.fx.Send(s.shell, s.stdin.ranks, data)
}

// Sent is told how a Send ended. A shell that does not take standard input is
// an error only if there was some. When there was too much of it, an exception
// follows that says so.
func (s *Session) Sent(err error) {
	switch {
	case err == nil:
	case errors.Is(err, syscall.ENOSYS):
		if s.stdin.sent && !s.finished && !s.fatal {
			s.failStdin()
		}
		s.fx.StopStdin()
	case errors.Is(err, syscall.ENOSPC), s.finished, s.fatal:
		s.fx.StopStdin()
	default:
		s.fail("stdin: %s", flux.ErrorText(err))
	}
}

func (s *Session) failStdin() { s.fail("stdin not accepted by job") }

// closeOtherStdin ends the standard input of the tasks that --stdin-ranks does
// not name.
func (s *Session) closeOtherStdin(e eventlog.Entry) {
	if s.stdin.ranks == AllRanks || !s.stdin.started {
		return
	}
	var c struct {
		TaskMap taskmap.Map `json:"taskmap"`
	}
	if err := e.UnmarshalContext(&c); err != nil {
		s.message("failed to process taskmap in shell.start event")
		return
	}
	all := idset.New()
	if n := c.TaskMap.TotalTasks(); n > 0 {
		all = idset.FromRange(0, uint32(n-1))
	}
	wanted, err := idset.Parse(s.stdin.ranks)
	if err != nil {
		s.fail("Invalid value '%s' for --stdin-ranks", s.stdin.ranks)
		return
	}
	if open := wanted.Intersect(all); !open.Equal(wanted) {
		s.message("warning: adjusting --stdin-ranks from %s to %s", s.stdin.ranks, open)
		s.stdin.ranks, wanted = open.String(), open
	}
	if rest := all.Subtract(wanted); !rest.Empty() {
		s.fx.Send(s.shell, rest.String(), nil)
	}
	if !wanted.Empty() {
		s.fx.ReadStdin()
	}
}
