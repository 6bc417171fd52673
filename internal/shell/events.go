// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"maps"
	"time"

	"goflux/taskmap"
)

// events are those that the leader adds to the job's exec event log.
type events struct {
	s *Shell
	// extra is added to the context of shell.init.
	extra map[string]any
	// later is what waits for shell.start: a task may end before all shells
	// have started theirs.
	started bool
	sync    bool // the tasks are stopped, for a debugger
	later   []func()
}

// add puts a key into the context of shell.init. It is to be called by
// plugins' init.
func (e *events) add(key string, value any) {
	if e.extra == nil {
		e.extra = map[string]any{}
	}
	e.extra[key] = value
}

func (e *events) emit(name string, context any) {
	if !e.s.leader() {
		return
	}
	s := e.s
	a := s.link.appender(s.job.ID, s.job.Attempt, "exec", func(err error) {
		s.log.errorf("", "error posting events: %v", err)
	})
	a.batch = eventBatch
	a.add(name, context)
}

// eventBatch is how long an event waits for the next: in a short job all go
// together. A variable for tests.
var eventBatch = 20 * time.Millisecond

func (e *events) shellInit() {
	if len(e.extra) == 0 {
		e.emit("shell.init", shellInit{e.s.service.name, e.s.plan.nodes[0].rank, e.s.plan.size()})
		return
	}
	context := map[string]any{"service": e.s.service.name, "leader-rank": e.s.plan.nodes[0].rank, "size": e.s.plan.size()}
	maps.Copy(context, e.extra)
	e.emit("shell.init", context)
}

// shellInit is the context of shell.init.
type shellInit struct {
	Service    string `json:"service"`
	LeaderRank uint32 `json:"leader-rank"`
	Size       int    `json:"size"`
}

func (e *events) shellStart() {
	e.emit("shell.start", struct {
		Taskmap *taskmap.Map `json:"taskmap"`
		Sync    bool         `json:"sync,omitzero"`
	}{e.s.plan.tasks, e.sync})
	e.started = true
	for _, fn := range e.later {
		fn()
	}
	e.later = nil
}

// afterStart calls fn when shell.start has been emitted.
func (e *events) afterStart(fn func()) {
	if e.started {
		fn()
		return
	}
	e.later = append(e.later, fn)
}
