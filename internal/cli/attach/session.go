// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

import (
	"fmt"
	"io"
	"time"

	"goflux/eventlog"
)

// Session is one attachment to a job.
type Session struct {
	Options
	out, err io.Writer
	fx       Effects

	logs      map[string]bool // the event logs being watched
	zero      float64         // timestamp of the first event
	shell     Shell
	stdin     stdinState
	output    outputState
	pty       ptyState
	status    statusLine
	interrupt time.Time // of the last SIGINT

	finished bool // all shells have ended
	fatal    bool // the last exception was a fatal one
	exit     int
	done     bool
	failure  error
}

// New begins a session, whose output and messages go to out and err.
func New(o Options, out, err io.Writer, fx Effects) *Session {
	return &Session{
		Options: o, out: out, err: err, fx: fx,
		logs:   map[string]bool{},
		stdin:  stdinState{ranks: o.StdinRanks},
		output: outputState{live: o.Tail == NoTail},
		status: statusLine{shown: o.ShowStatus},
		exit:   1,
	}
}

// Start does the first step.
func (s *Session) Start() { s.watch(mainLog) }

// Done tells whether the session has ended, Result how: with an exit status
// or with an error about attaching as such.
func (s *Session) Done() bool { return s.done }

func (s *Session) Result() (exit int, err error) {
	if s.failure != nil {
		return 1, s.failure
	}
	if s.fatal && s.exit == 0 {
		return 1, nil
	}
	return s.exit, nil
}

func (s *Session) watch(path string) {
	s.logs[path] = true
	s.fx.Watch(path, path == outputLog && s.Tail != NoTail)
}

// fail ends the session with an error.
func (s *Session) fail(format string, args ...any) {
	if !s.done {
		s.done, s.failure = true, fmt.Errorf(format, args...)
	}
}

// Entry is told about an entry of an event log.
func (s *Session) Entry(path string, e eventlog.Entry) {
	switch path {
	case mainLog:
		s.mainEvent(e)
	case execLog:
		s.execEvent(e)
	case outputLog:
		s.outputEvent(e)
	}
}

// End is told that an event log has ended; err is nil if it is complete.
func (s *Session) End(path string, err error) {
	if err != nil && !s.endError(path, err) {
		return
	}
	s.close(path)
}

// close is the end of one watch; the last one ends the session.
func (s *Session) close(path string) {
	delete(s.logs, path)
	if len(s.logs) == 0 {
		if s.stdin.lost {
			s.failStdin()
		}
		s.done = true
		s.fx.StopStdin()
	}
}

// message prints a line of ours.
func (s *Session) message(format string, args ...any) {
	s.printErr("flux-job: " + fmt.Sprintf(format, args...) + "\n")
}

// printErr prints to standard error, after what is on its way to standard
// output.
func (s *Session) printErr(text string) {
	s.fx.Flush()
	if s.pty.attached && len(text) > 0 {
		text += "\r" // a raw terminal stays in its column
	}
	_, _ = io.WriteString(s.err, text)
}

// since is the time of an event in seconds from the first one.
func (s *Session) since(timestamp float64) float64 { return timestamp - s.zero }

// printEvent prints an entry for --show-events and --show-exec.
func (s *Session) printEvent(log string, e eventlog.Entry) {
	line := fmt.Sprintf("%.3fs: %s.%s", s.since(e.Timestamp), log, e.Name)
	if e.Context != nil {
		line += " " + string(e.Context)
	}
	s.printErr(line + "\n")
}
