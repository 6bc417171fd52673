// SPDX-License-Identifier: LGPL-3.0-or-later

package jobinfo

import (
	"slices"
	"strings"
)

// States of a job (RFC 21), and unions of them.
const (
	StateNew      = 1
	StateDepend   = 2
	StatePriority = 4
	StateSched    = 8
	StateRun      = 16
	StateCleanup  = 32
	StateInactive = 64

	StatePending = StateDepend | StatePriority | StateSched
	StateRunning = StateRun | StateCleanup
	StateActive  = StatePending | StateRunning
)

// Results of a job that is inactive (RFC 21).
const (
	ResultCompleted = 1
	ResultFailed    = 2
	ResultCanceled  = 4
	ResultTimeout   = 8
)

// numberName is a number and the long and short word for it.
type numberName struct {
	number      int
	long, short string
}

func states() []numberName {
	return []numberName{
		{StateNew, "NEW", "N"},
		{StateDepend, "DEPEND", "D"},
		{StatePriority, "PRIORITY", "P"},
		{StateSched, "SCHED", "S"},
		{StateRun, "RUN", "R"},
		{StateCleanup, "CLEANUP", "C"},
		{StateInactive, "INACTIVE", "I"},
		{StatePending, "PENDING", "PD"},
		{StateRunning, "RUNNING", "RU"},
		{StateActive, "ACTIVE", "A"},
	}
}

func results() []numberName {
	return []numberName{
		{ResultCompleted, "COMPLETED", "CD"},
		{ResultFailed, "FAILED", "F"},
		{ResultCanceled, "CANCELED", "CA"},
		{ResultTimeout, "TIMEOUT", "TO"},
	}
}

// ParseState reads the long or short name of a state or a union of states.
func ParseState(name string) (int, bool) { return parseName(states(), name) }

// ParseResult reads the name of a result.
func ParseResult(name string) (int, bool) { return parseName(results(), name) }

func parseName(list []numberName, name string) (int, bool) {
	for _, n := range list {
		if strings.EqualFold(n.long, name) || strings.EqualFold(n.short, name) {
			return n.number, true
		}
	}
	return 0, false
}

// names are both words for a number.
func names(list []numberName, number int) (long, short string) {
	i := slices.IndexFunc(list, func(n numberName) bool { return n.number == number })
	if i < 0 {
		return "(unknown)", "(unknown)"
	}
	return list[i].long, list[i].short
}

// ParseFilter reads a word of --filter, the long name of a state, union of
// states or result, as a mask of either.
func ParseFilter(word string) (states, results int, ok bool) {
	if len(word) <= 2 { // the short names are not taken here
		return 0, 0, false
	}
	if states, ok = ParseState(word); ok && states != StateNew {
		return states, 0, true
	}
	results, ok = ParseResult(word)
	return 0, results, ok
}
