// SPDX-License-Identifier: LGPL-3.0-or-later

package cron

import (
	"slices"
	"syscall"
	"time"

	"goflux/internal/message"
)

// Create adds an entry and starts it. EINVAL for a trigger that can never come
// or comes too often, ENOSPC when there are [MaxEntries].
func (m *Machine) Create(now time.Time, s Spec) (*Entry, error) {
	if len(m.entries) >= MaxEntries {
		return nil, message.Errorf(syscall.ENOSPC, "there are already %d cron entries", MaxEntries)
	}
	if err := s.check(now); err != nil {
		return nil, err
	}
	e := &Entry{ID: m.nextID, Spec: s, Stopped: true, Stats: Stats{Created: now}}
	m.nextID++
	m.entries = append(m.entries, e)
	return e, m.Start(now, e)
}

// check refuses what cannot be run.
func (s *Spec) check(now time.Time) error {
	invalid := func(format string, args ...any) error { return message.Errorf(syscall.EINVAL, format, args...) }
	if s.History < 0 || s.History > MaxHistory {
		return invalid("task-history-count %d is not in 0-%d", s.History, MaxHistory)
	}
	switch t := s.Trigger.(type) {
	case Interval:
		if t.After < 0 || t.Every < 0 || (t.Every > 0 && t.Every < MinInterval) {
			return invalid("an interval is 0, for a single run, or at least %s", MinInterval)
		}
	case Event:
		if t.Topic == "" || t.Nth < 0 || t.After < 0 || t.MinInterval < 0 {
			return invalid("an event has a topic, and no count below 0")
		}
	case Date:
		if _, ok := t.Calendar.Next(now); !ok {
			return invalid("no such date lies ahead")
		}
	default:
		return message.Errorf(syscall.ENOSYS, "no such type of cron entry")
	}
	return nil
}

// Start starts a stopped entry, with new counts. EINVAL for one that is not
// stopped.
func (m *Machine) Start(now time.Time, e *Entry) error {
	if !e.Stopped || e.deleted {
		return message.Errorf(syscall.EINVAL, "cron-%d is not stopped", e.ID)
	}
	e.Stopped = false
	e.Stats.Started = now
	e.Stats.Count, e.Stats.FailCount, e.Counter = 0, 0, 0
	switch t := e.Trigger.(type) {
	case Interval:
		e.Wake = now.Add(t.After)
	case Date:
		m.nextDate(now, e)
	}
	return nil
}

// nextDate sets an entry's clock to the next point of its calendar; without
// one the entry stops.
func (m *Machine) nextDate(now time.Time, e *Entry) {
	next, ok := e.Trigger.(Date).Calendar.Next(now)
	if !ok {
		e.stop()
		return
	}
	e.Wake = next
}

// Stop stops an entry; its task goes on. EINVAL for one that is stopped.
func (m *Machine) Stop(e *Entry) error {
	if e.Stopped {
		return message.Errorf(syscall.EINVAL, "cron-%d is stopped already", e.ID)
	}
	e.stop()
	return nil
}

func (e *Entry) stop() {
	e.Stopped = true
	e.Wake = time.Time{}
}

// Delete removes an entry, once its task has ended; kill ends that.
func (m *Machine) Delete(e *Entry, kill bool) {
	e.stop()
	e.deleted = true
	switch {
	case e.Task == nil:
		m.forget(e)
	case e.Task.State == Deferred:
		m.deferred = slices.DeleteFunc(m.deferred, func(d *Entry) bool { return d == e })
		m.forget(e)
	case kill && e.Task.State == Running:
		m.kill(e, syscall.SIGTERM)
	case kill:
		e.Task.signal = syscall.SIGTERM
	}
}

func (m *Machine) forget(e *Entry) {
	m.entries = slices.DeleteFunc(m.entries, func(o *Entry) bool { return o == e })
}
