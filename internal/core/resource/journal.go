// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import "goflux/eventlog"

// Journal is the history that resource.journal serves, bounded: the oldest
// events give way to a "truncate" event that bears the time of the last of them
// (RFC 44).
type Journal struct {
	max     int
	dropped float64 // time of the last event dropped, 0 when none was
	events  []eventlog.Entry
}

// NewJournal returns a journal of up to max entries that begins with what is of
// use of a log: who was drained and undrained.
func NewJournal(max int, log []eventlog.Entry) *Journal {
	j := &Journal{max: max}
	for _, e := range log {
		if e.Name == EventDrain || e.Name == EventUndrain {
			j.Add(e)
		}
	}
	return j
}

// Add appends an event.
func (j *Journal) Add(e eventlog.Entry) {
	j.events = append(j.events, e)
	j.trim()
}

// SetMax changes the number of entries kept.
func (j *Journal) SetMax(max int) {
	j.max = max
	j.trim()
}

// trim drops what is too much. The truncate event counts as an entry.
func (j *Journal) trim() {
	total := len(j.events)
	if j.dropped != 0 {
		total++
	}
	if total <= j.max {
		return
	}
	n := len(j.events) - max(j.max-1, 0)
	if n > 0 {
		j.dropped = j.events[n-1].Timestamp
		j.events = j.events[n:]
	}
}

// All calls fn for each entry, oldest first, until it returns false.
func (j *Journal) All() func(yield func(eventlog.Entry) bool) {
	return func(yield func(eventlog.Entry) bool) {
		if j.dropped != 0 && !yield(eventlog.Entry{Timestamp: j.dropped, Name: eventTruncate}) {
			return
		}
		for _, e := range j.events {
			if !yield(e) {
				return
			}
		}
	}
}
