// SPDX-License-Identifier: LGPL-3.0-or-later

package cron

import (
	"fmt"
	"slices"
	"syscall"
	"time"
)

// Limits: what a broker can hold and serve without noticing it.
const (
	MaxEntries  = 10000
	MaxHistory  = 1000
	MinInterval = time.Millisecond
	// killGrace is what a task has between SIGTERM and SIGKILL when its time is up.
	killGrace = 10 * time.Second
)

// Effect is what the machine wants done.
type Effect interface{ effect() }

type (
	// Run launches an entry's command. What becomes of it is told by
	// [Machine.Running], [Machine.Ended] and [Machine.LaunchFailed].
	Run struct{ Entry *Entry }
	// Kill signals an entry's running process.
	Kill struct {
		Entry  *Entry
		Pid    int
		Signal syscall.Signal
	}
	// Note is a line for the log.
	Note struct {
		Level Level
		Text  string
	}
)

func (Run) effect()  {}
func (Kill) effect() {}
func (Note) effect() {}

// Level is how important a note is.
type Level int

// The levels of notes.
const (
	Debug Level = iota
	Info
	Error
)

// Machine holds the entries.
type Machine struct {
	entries  []*Entry // by id
	nextID   int64
	sync     string // topic of the synchronizing event; "" for none
	epsilon  time.Duration
	lastSync time.Time
	deferred []*Entry
	effects  []Effect
}

// DefaultEpsilon is for how long after a synchronizing event tasks still run.
const DefaultEpsilon = 15 * time.Millisecond

// New returns a machine without entries.
func New() *Machine { return &Machine{nextID: 1, epsilon: DefaultEpsilon} }

// Effects takes what is to be done since the last time, in order.
func (m *Machine) Effects() []Effect {
	out := m.effects
	m.effects = nil
	return out
}

// Entries are the entries by id, also those deleted whose task still runs.
func (m *Machine) Entries() []*Entry { return m.entries }

// Find returns an entry, or nil.
func (m *Machine) Find(id int64) *Entry {
	i, ok := slices.BinarySearchFunc(m.entries, id, func(e *Entry, id int64) int { return int(e.ID - id) })
	if !ok {
		return nil
	}
	return m.entries[i]
}

// Sync is the topic of the synchronizing event, "" for none, and for how long
// after it tasks still run.
func (m *Machine) Sync() (topic string, epsilon time.Duration) { return m.sync, m.epsilon }

// SetEpsilon sets for how long after the synchronizing event tasks still run.
func (m *Machine) SetEpsilon(d time.Duration) { m.epsilon = d }

// SetSync makes tasks wait for an event. Without a topic, those that wait run.
func (m *Machine) SetSync(now time.Time, topic string) {
	m.sync = topic
	if topic != "" {
		m.note(Info, "synchronizing cron tasks to event %s", topic)
		return
	}
	m.release(now)
}

// release runs the deferred tasks.
func (m *Machine) release(now time.Time) {
	waiting := m.deferred
	m.deferred = nil
	for _, e := range waiting {
		m.run(now, e)
	}
}

// Topics are the topics, or globs of topics, whose events the machine wants.
func (m *Machine) Topics() map[string]bool {
	want := map[string]bool{}
	if m.sync != "" {
		want[m.sync] = true
	}
	for _, e := range m.entries {
		if t, ok := e.Trigger.(Event); ok && !e.Stopped {
			want[t.Topic] = true
		}
	}
	return want
}

// NextWake is when [Machine.Tick] is to be called; false for no clock running.
func (m *Machine) NextWake() (time.Time, bool) {
	var next time.Time
	consider := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, e := range m.entries {
		consider(e.Wake)
		if e.Task != nil {
			consider(e.Task.deadline)
		}
	}
	return next, !next.IsZero()
}

func (m *Machine) note(level Level, format string, args ...any) {
	m.effects = append(m.effects, Note{level, fmt.Sprintf(format, args...)})
}

func (m *Machine) kill(e *Entry, sig syscall.Signal) {
	m.effects = append(m.effects, Kill{e, e.Task.Pid, sig})
}
