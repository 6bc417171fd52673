// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

import (
	"time"

	"goflux/jobid"
)

// NoTail prints all output; a Tail of zero or more only that many entries of
// the output that was there at the start.
const NoTail = -1

// AllRanks sends standard input to all tasks.
const AllRanks = "all"

// Options are those of flux job attach.
type Options struct {
	ID jobid.ID
	// Name is the job as its user names it.
	Name string

	ShowEvents, ShowExec, ShowStatus bool
	LabelIO, Verbose, Quiet          bool
	// ReadOnly leaves standard input and signals alone.
	ReadOnly bool
	// StdinRanks are the tasks that get standard input, an idset or AllRanks.
	StdinRanks string
	// Continue lets tasks go on that are stopped before their program's first
	// instruction, as a debugger would.
	Continue bool
	// New is a job of this moment: that it ends before it could take standard
	// input is no error, as it is for a job that had ended already.
	New  bool
	Tail int
	// WaitEvent ends the session when it is in the job's event log.
	WaitEvent string
	// QueueInterval is how often a pending job's queue is looked at.
	QueueInterval time.Duration
}

// Defaults are the options when none is given.
func Defaults(id jobid.ID, name string) Options {
	return Options{
		ID: id, Name: name,
		StdinRanks:    AllRanks,
		Tail:          NoTail,
		WaitEvent:     "clean",
		QueueInterval: 10 * time.Second,
	}
}
