// SPDX-License-Identifier: LGPL-3.0-or-later

package cron

import (
	"path"
	"strings"
	"syscall"
	"time"
)

// Spec is what an entry was created with.
type Spec struct {
	Name    string
	Command string // for the shell
	Cwd     string // "": the broker's own
	// Env is the command's environment; nil is the broker's own.
	Env  map[string]string
	Rank uint32
	// Repeat is how many tasks are run before the entry stops; 0 is no limit.
	Repeat int
	// History is how many ended tasks are kept.
	History int
	// StopOnFailure is how many failures stop the entry; 0 is no limit.
	StopOnFailure int
	// Timeout bounds a task's time; 0 is no limit.
	Timeout time.Duration
	Trigger Trigger
}

// Trigger is when an entry runs: [Interval], [Event] or [Date].
type Trigger interface{ trigger() }

type (
	// Interval is once After the start and then every Every; 0 is never again.
	Interval struct{ Every, After time.Duration }
	// Event is every Nth event (0: every one) of the topic, from the After-th
	// on, and at most one in MinInterval. The topic may be a glob.
	Event struct {
		Topic       string
		Nth, After  int
		MinInterval time.Duration
	}
	// Date is when the calendar says.
	Date struct{ Calendar *Calendar }
)

func (Interval) trigger() {}
func (Event) trigger()    {}
func (Date) trigger()     {}

// Entry is a cron entry. It is the machine's: read it, between steps.
type Entry struct {
	ID int64
	Spec
	Stopped bool
	Stats   Stats
	// Task is the one that is running or deferred; Past those that have ended,
	// the last one first.
	Task *Task
	Past []*Task
	// Wake is when the entry's clock runs out; zero when it waits for none.
	Wake time.Time
	// Counter is the number of matching events since the start.
	Counter int

	deleted bool
}

// Stats are an entry's counts. Count and FailCount are since its last start.
type Stats struct {
	Created, Started, LastRun time.Time
	Count, FailCount          int
	Total                     int
	Success, Failure          int
	Deferred                  int
}

// State is how far a task is.
type State int

// The states of a task.
const (
	Deferred State = iota // waits for the synchronizing event
	Launching
	Running
	Ended
	Failed // could not be launched; see Task.Errno
)

// Task is a run of an entry's command.
type Task struct {
	State    State
	Pid      int
	Status   syscall.WaitStatus // when Ended
	Errno    syscall.Errno      // when Failed
	TimedOut bool
	// When the task was made, launched, known to run and over; zero for what
	// has not come about.
	Created, Launched, Ran, Done time.Time

	deadline time.Time
	signal   syscall.Signal // to be sent as soon as the process is known
}

// Over reports whether nothing more will become of the task.
func (t *Task) Over() bool { return t.State >= Ended }

// matches reports whether an event's topic is one of a pattern.
func matches(pattern, topic string) bool {
	if pattern == topic {
		return true
	}
	ok, err := path.Match(pattern, topic)
	return err == nil && ok
}

// LiteralPrefix is what all topics of a pattern begin with.
func LiteralPrefix(pattern string) string {
	if i := strings.IndexAny(pattern, `*?[\`); i >= 0 {
		return pattern[:i]
	}
	return pattern
}
