// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"fmt"
	"strings"

	"goflux/eventlog"
	"goflux/internal/message"
)

// walk holds an event log to RFC 21. It is written from the RFC and shares
// nothing with the machine that it judges.
type walk struct {
	state     string
	count     int
	urgency   int
	allocated bool
	freed     bool
	started   bool
	finished  bool
	released  bool
	fatal     bool
	deps      map[string]bool
	clean     int
}

// step takes in an event; the error says what RFC 21 does not allow.
func (w *walk) step(e eventlog.Entry) error {
	w.count++
	refuse := func(why string) error {
		return fmt.Errorf("event %d, %s, in state %q: %s", w.count, e.Name, w.state, why)
	}
	in := func(states ...string) bool {
		for _, s := range states {
			if w.state == s {
				return true
			}
		}
		return false
	}
	if (w.count == 1) != (e.Name == "submit") {
		return refuse("submit comes first, once")
	}
	if in("INACTIVE") {
		return refuse("the job has ended")
	}
	switch e.Name {
	case "submit":
		w.state = "NEW"
		w.deps = map[string]bool{}
		return w.setUrgency(e, refuse)
	case "validate":
		if !in("NEW") {
			return refuse("validated already")
		}
		w.state = "DEPEND"
	case "dependency-add", "dependency-remove":
		return w.dependency(e, refuse)
	case "depend":
		if !in("DEPEND") || len(w.deps) > 0 {
			return refuse("not to be released from its dependencies")
		}
		w.state = "PRIORITY"
	case "priority":
		if !in("PRIORITY", "SCHED") {
			return refuse("no priority is due")
		}
		w.state = "SCHED"
	case "flux-restart":
		if !in("SCHED", "PRIORITY") {
			return refuse("only pending jobs restart")
		}
		w.state = "PRIORITY"
	case "alloc":
		if !in("SCHED") || w.allocated {
			return refuse("not waiting for resources")
		}
		w.state, w.allocated = "RUN", true
	case "start":
		if !in("RUN", "CLEANUP") || !w.allocated || w.started || w.freed {
			return refuse("not to be started")
		}
		w.started = true
	case "finish":
		if !in("RUN", "CLEANUP") || !w.started || w.finished {
			return refuse("not running")
		}
		w.state, w.finished = "CLEANUP", true
	case "release":
		return w.release(e, refuse)
	case "free":
		if !in("CLEANUP") || !w.allocated || w.freed {
			return refuse("no resources to free")
		}
		if w.started && (!w.finished || !w.released) {
			return refuse("its shells have not ended")
		}
		w.freed = true
	case "clean":
		if !in("CLEANUP") || w.allocated && !w.freed {
			return refuse("not cleaned up")
		}
		w.clean++
		w.state = "INACTIVE"
	case "exception":
		return w.exception(e, refuse)
	case "urgency":
		return w.setUrgency(e, refuse)
	}
	return nil
}

func (w *walk) dependency(e eventlog.Entry, refuse func(string) error) error {
	var ctx struct {
		Description string `json:"description"`
	}
	if err := message.Unmarshal(e.Context, &ctx); err != nil || ctx.Description == "" {
		return refuse("no description")
	}
	if e.Name == "dependency-add" {
		if w.state != "NEW" && w.state != "DEPEND" {
			return refuse("too late")
		}
		w.deps[ctx.Description] = true
		return nil
	}
	if !w.deps[ctx.Description] {
		return refuse("no such dependency")
	}
	delete(w.deps, ctx.Description)
	return nil
}

func (w *walk) release(e eventlog.Entry, refuse func(string) error) error {
	var ctx struct {
		Final bool `json:"final"`
	}
	if err := message.Unmarshal(e.Context, &ctx); err != nil {
		return refuse(err.Error())
	}
	if w.state != "RUN" && w.state != "CLEANUP" || !w.allocated || w.released || w.freed {
		return refuse("nothing to release")
	}
	w.released = ctx.Final
	return nil
}

func (w *walk) exception(e eventlog.Entry, refuse func(string) error) error {
	var ctx struct {
		Type     string `json:"type"`
		Severity int    `json:"severity"`
	}
	if err := message.Unmarshal(e.Context, &ctx); err != nil || ctx.Type == "" {
		return refuse("malformed")
	}
	if ctx.Severity == 0 {
		w.fatal = true
		w.state = "CLEANUP"
	}
	return nil
}

func (w *walk) setUrgency(e eventlog.Entry, refuse func(string) error) error {
	var ctx struct {
		Urgency int `json:"urgency"`
	}
	if err := message.Unmarshal(e.Context, &ctx); err != nil || ctx.Urgency < 0 || ctx.Urgency > 31 {
		return refuse("malformed")
	}
	w.urgency = ctx.Urgency
	return nil
}

// joblog is what is known of a job's event log from outside.
type joblog struct {
	walk
	lines []string
	r     string // R of its allocation
}

func (l *joblog) add(line string) (eventlog.Entry, error) {
	e, err := eventlog.ParseEntry([]byte(line + "\n"))
	if err == nil {
		err = l.step(e)
	}
	l.lines = append(l.lines, line)
	return e, err
}

func (l *joblog) String() string { return strings.Join(l.lines, "\n") }
