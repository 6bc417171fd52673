// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

import (
	"fmt"
	"strings"

	"goflux/eventlog"
)

// waiting is the state in which it matters whether the queue runs.
const waiting = "waiting for resources"

// statusLine is the line that tells why a job has not started yet.
type statusLine struct {
	shown   bool
	over    bool // the job has started, or will not
	text    string
	prologs int

	queue      string
	stopped    bool
	lookedAt   float64 // when the queue was looked at, seconds since submission
	everLooked bool
}

// clear makes room for another line.
func (l *statusLine) clear(s *Session) {
	if l.shown {
		s.fx.Flush()
		fmt.Fprint(s.err, "\r\033[K")
	}
}

// Tick is told that a second has passed; timestamp is the time of day in
// seconds. The first tick shows the line.
func (s *Session) Tick(timestamp float64) {
	if s.status.over || s.zero == 0 {
		return
	}
	s.status.shown = true
	s.updateStatus(timestamp)
}

// StatusOver tells whether there is no more use for ticks.
func (s *Session) StatusOver() bool { return s.status.over || s.done }

// statusEvent follows the job.
func (s *Session) statusEvent(e eventlog.Entry) {
	l := &s.status
	if !s.fatal {
		l.event(e.Name)
		s.updateStatus(e.Timestamp)
	}
	if e.Name == "start" || e.Name == "clean" {
		if l.shown {
			s.printErr("\n")
		}
		l.shown, l.over = false, true
	}
}

// event finds the words for the state after an event.
func (l *statusLine) event(name string) {
	switch name {
	case "submit":
		l.text = "submitted"
	case "validate":
		l.text = "resolving dependencies"
	case "depend":
		l.text = "waiting for priority assignment"
	case "priority":
		l.text = waiting
	case "alloc":
		l.text = "starting"
	case "prolog-start":
		l.prologs++
		l.text = "waiting for prolog"
	case "prolog-finish":
		if l.prologs--; l.prologs <= 0 {
			l.text = "starting"
		}
	case "start":
		l.text = "started"
	case "jobspec-update": // may have moved the job to another queue
		l.queue, l.stopped, l.everLooked = "", false, false
	}
}

func (s *Session) updateStatus(timestamp float64) {
	l := &s.status
	if l.text == "" || l.over {
		return
	}
	age := s.since(timestamp)
	text := l.text
	if text == waiting && l.shown {
		s.lookAtQueue(age)
		if l.stopped {
			text = fmt.Sprintf("%s (%s queue stopped)", text, l.queue)
		}
	}
	if !l.shown {
		return
	}
	seconds := max(int(age), 0)
	width := max(s.fx.Width()-20-len(s.Name), 0)
	s.fx.Flush()
	fmt.Fprintf(s.err, "\rflux-job: %s %s %02d:%02d:%02d\r", s.Name, pad(text, width),
		seconds/3600, seconds/60%60, seconds%60)
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-len(text), 0))
}

// lookAtQueue asks now and then whether the job's queue is stopped.
func (s *Session) lookAtQueue(age float64) {
	l := &s.status
	switch {
	case l.queue == "":
		s.fx.AskQueue()
	case !l.everLooked || age-l.lookedAt >= s.QueueInterval.Seconds():
		l.everLooked, l.lookedAt = true, age
		s.fx.AskQueueStatus(l.queue)
	}
}

// DefaultQueue is the name shown for the queue of an instance that has none.
const DefaultQueue = "default"

// Queue is told the job's queue, "" for the only one.
func (s *Session) Queue(name string) {
	if name == "" {
		name = DefaultQueue
	}
	s.status.queue = name
}

// QueueStatus is told whether the queue is started.
func (s *Session) QueueStatus(started bool) { s.status.stopped = !started }
