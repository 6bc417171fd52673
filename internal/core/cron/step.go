// SPDX-License-Identifier: LGPL-3.0-or-later

package cron

import (
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Tick tells that time has passed: clocks that have run out trigger.
func (m *Machine) Tick(now time.Time) {
	for _, e := range m.entries {
		if t := e.Task; t != nil && due(t.deadline, now) {
			m.timeUp(now, e)
		}
		if due(e.Wake, now) {
			m.ring(now, e)
		}
	}
}

func due(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

// ring sets an entry's clock anew and triggers it.
func (m *Machine) ring(now time.Time, e *Entry) {
	last := e.Wake
	e.Wake = time.Time{}
	switch t := e.Trigger.(type) {
	case Interval:
		if t.Every > 0 {
			e.Wake = last.Add(t.Every)
			if due(e.Wake, now) { // what was missed is not made up for
				e.Wake = now.Add(t.Every)
			}
		}
	case Date:
		m.nextDate(now, e)
	}
	m.trigger(now, e)
}

// timeUp ends a task that has had its time.
func (m *Machine) timeUp(now time.Time, e *Entry) {
	t := e.Task
	if t.TimedOut {
		m.kill(e, syscall.SIGKILL)
		t.deadline = time.Time{}
		return
	}
	t.TimedOut = true
	t.deadline = now.Add(killGrace)
	m.kill(e, syscall.SIGTERM)
}

// Event tells of an event, for those who asked for it by pattern, one of
// [Machine.Topics].
func (m *Machine) Event(now time.Time, pattern, topic string) {
	if !matches(pattern, topic) {
		return
	}
	if pattern == m.sync {
		m.lastSync = now
		m.release(now)
	}
	for _, e := range m.entries {
		if t, ok := e.Trigger.(Event); ok && !e.Stopped && t.Topic == pattern {
			m.count(now, e, t)
		}
	}
}

// count counts an event and triggers the entry if it is one of those.
func (m *Machine) count(now time.Time, e *Entry, t Event) {
	e.Counter++
	if !e.Wake.IsZero() || e.Counter < t.After {
		return
	}
	if t.Nth > 0 && (e.Counter-t.After)%t.Nth != 0 {
		return
	}
	if wait := t.MinInterval - now.Sub(e.Stats.LastRun); t.MinInterval > 0 && wait > 0 {
		e.Wake = now.Add(wait)
		m.note(Debug, "cron-%d: delaying %.03fs due to min interval", e.ID, wait.Seconds())
		return
	}
	m.trigger(now, e)
}

// trigger makes a task and runs or defers it.
func (m *Machine) trigger(now time.Time, e *Entry) {
	if e.Task != nil {
		m.note(Info, "cron-%d: %s: task still running or scheduled", e.ID, e.Name)
		return
	}
	e.Task = &Task{Created: now}
	e.Stats.Total++
	e.Stats.Count++
	if e.Stats.Count == e.Repeat {
		e.stop()
	}
	if m.sync == "" || now.Sub(m.lastSync) < m.epsilon {
		m.run(now, e)
		return
	}
	m.deferred = append(m.deferred, e)
	e.Stats.Deferred++
	m.note(Debug, "deferring cron-%d to next %s event", e.ID, m.sync)
}

func (m *Machine) run(now time.Time, e *Entry) {
	e.Task.State = Launching
	e.Task.Launched = now
	e.Stats.LastRun = now
	m.effects = append(m.effects, Run{e})
}

// Running tells that an entry's process has been started.
func (m *Machine) Running(now time.Time, e *Entry, pid int) {
	t := e.Task
	if t == nil || t.State != Launching {
		return
	}
	t.State, t.Pid, t.Ran = Running, pid, now
	if e.Timeout > 0 {
		t.deadline = now.Add(e.Timeout)
	}
	if t.signal != 0 {
		m.kill(e, t.signal)
	}
}

// Ended tells that an entry's process has ended.
func (m *Machine) Ended(now time.Time, e *Entry, status syscall.WaitStatus) {
	t := e.Task
	if t == nil || t.Over() {
		return
	}
	t.State, t.Status = Ended, status
	if status == 0 {
		e.Stats.Success++
	} else {
		m.note(Error, "cron-%d: \"%s\": Failed: %s", e.ID, e.Command, describe(status))
		m.failed(e)
	}
	m.finish(now, e)
}

// LaunchFailed tells that an entry's process could not be started, or that the
// broker it ran on was lost.
func (m *Machine) LaunchFailed(now time.Time, e *Entry, errno syscall.Errno) {
	t := e.Task
	if t == nil || t.Over() {
		return
	}
	t.State, t.Errno = Failed, errno
	m.note(Error, "cron-%d: failure running %s: %s", e.ID, e.Command, errno.Error())
	m.failed(e)
	m.finish(now, e)
}

func (m *Machine) failed(e *Entry) {
	e.Stats.Failure++
	e.Stats.FailCount++
	if e.StopOnFailure > 0 && e.Stats.FailCount >= e.StopOnFailure && !e.Stopped {
		m.note(Error, "cron-%d: exceeded failure limit of %d. stopping", e.ID, e.StopOnFailure)
		e.stop()
	}
}

// finish puts an ended task among the past ones.
func (m *Machine) finish(now time.Time, e *Entry) {
	t := e.Task
	t.Done, t.deadline = now, time.Time{}
	e.Task = nil
	e.Past = slices.Insert(e.Past, 0, t)
	e.Past = e.Past[:min(len(e.Past), e.History)]
	if e.deleted {
		m.forget(e)
	}
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return status.Signal().String()
	}
	return "Exit " + strconv.Itoa(status.ExitStatus())
}
