// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

import (
	"errors"
	"fmt"
	"syscall"

	"goflux/eventlog"
	"goflux/flux"
	"goflux/internal/message"
)

// exception is the context of that event (RFC 21).
type exception struct {
	Type     string `json:"type"`
	Severity int    `json:"severity"`
	Note     string `json:"note"`
}

// mainEvent handles an entry of the job's event log.
func (s *Session) mainEvent(e eventlog.Entry) {
	if s.zero == 0 {
		s.zero = e.Timestamp
	}
	switch e.Name {
	case "exception":
		s.exception(e)
	case "submit":
		s.watch(execLog)
	case "finish":
		s.finish(e)
	}
	if s.ShowEvents && e.Name != "exception" {
		s.printEvent("job", e)
	}
	s.statusEvent(e)
	if e.Name == s.WaitEvent && !s.done {
		s.fx.Unwatch(mainLog)
		s.close(mainLog)
	}
}

func (s *Session) exception(e eventlog.Entry) {
	var x exception
	if err := e.UnmarshalContext(&x); err != nil {
		s.fail("exception event: %w", err)
		return
	}
	s.status.clear(s)
	s.printErr(fmt.Sprintf("%.3fs: job.exception %s type=%s severity=%d %s\n",
		s.since(e.Timestamp), s.Name, x.Type, x.Severity, x.Note))
	s.fatal = x.Severity == 0
	if s.fatal {
		s.fx.StopStdin()
		s.dropPty()
	}
}

func (s *Session) finish(e eventlog.Entry) {
	var f struct {
		Status int `json:"status"`
	}
	if err := e.UnmarshalContext(&f); err != nil {
		s.fail("finish event: %w", err)
		return
	}
	var text string
	s.exit, text = ExitStatus(f.Status)
	if text != "" {
		s.message("%s", text)
	}
	s.finished = true
	s.dropPty()
}

// ExitStatus is the exit status that stands for a job's wait status, and what
// to tell a person about it; "" for success.
func ExitStatus(wait int) (status int, text string) {
	ws := syscall.WaitStatus(wait)
	switch {
	case ws.Signaled():
		return 128 + int(ws.Signal()), "job shell " + message.SignalText(ws.Signal())
	case !ws.Exited():
		return 1, fmt.Sprintf("unexpected wait status %d", wait)
	case ws.ExitStatus() > 128:
		status = ws.ExitStatus()
		return status, "task(s) " + message.SignalText(syscall.Signal(status-128))
	case ws.ExitStatus() > 0:
		return ws.ExitStatus(), fmt.Sprintf("task(s) exited with exit code %d", ws.ExitStatus())
	}
	return 0, ""
}

// shellInit is the context of shell.init.
type shellInit struct {
	Service string `json:"service"`
	Leader  uint32 `json:"leader-rank"`
	Pty     string `json:"pty"`
	Capture int    `json:"capture"`
}

// execEvent handles an entry of the execution event log.
func (s *Session) execEvent(e eventlog.Entry) {
	switch e.Name {
	case "shell.init":
		s.shellInit(e)
	case "shell.start":
		s.closeOtherStdin(e)
		if s.Continue {
			s.fx.Kill(int(syscall.SIGCONT))
		}
	case "log":
		s.execLogLine(e)
	case "complete":
		s.startOutput() // shells may have failed before shell.init
	}
	if s.ShowExec && e.Name != "log" {
		s.printEvent("exec", e)
	}
}

func (s *Session) shellInit(e eventlog.Entry) {
	var c shellInit
	if err := e.UnmarshalContext(&c); err != nil {
		s.fail("shell.init event: %w", err)
		return
	}
	s.shell = Shell{Service: c.Service, Rank: c.Leader}
	s.startOutput()
	switch {
	case c.Pty == "":
		s.startStdin()
	case s.ReadOnly:
		s.fail("Cannot connect to pty in readonly mode")
	case !s.finished:
		s.pty = ptyState{wanted: true, captured: c.Capture != 0}
		s.fx.AttachPty(s.shell, c.Service+"."+c.Pty)
	}
}

// execLogLine prints what the execution service has to say.
func (s *Session) execLogLine(e eventlog.Entry) {
	var c struct {
		Rank      string `json:"rank"`
		Component string `json:"component"`
		Stream    string `json:"stream"`
		Data      string `json:"data"`
	}
	if err := e.UnmarshalContext(&c); err != nil {
		s.message("exec.log event malformed: %v", err)
		return
	}
	head := ""
	if !s.Quiet {
		head = fmt.Sprintf("%.3fs: %s[%s]: %s: ", s.since(e.Timestamp), c.Component, c.Rank, c.Stream)
	}
	s.printErr(head + c.Data)
}

// endError handles the failure of a watch; it returns whether the session goes
// on without that log.
func (s *Session) endError(path string, err error) bool {
	switch {
	case path == outputLog && errors.Is(err, syscall.ENOENT):
		s.message("No job output found")
		return true
	case path == execLog && errors.Is(err, syscall.ENOENT):
		return true // the job never came that far
	case path == mainLog && errors.Is(err, syscall.ENOENT):
		s.fail("Failed to attach to %s: No such job", s.Name)
	case path == mainLog && errors.Is(err, syscall.EPERM):
		s.fail("Failed to attach to %s: that is not your job", s.Name)
	default:
		s.fail("%s: %s", path, flux.ErrorText(err))
	}
	return false
}
