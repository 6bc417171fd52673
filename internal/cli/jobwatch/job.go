// SPDX-License-Identifier: LGPL-3.0-or-later

package jobwatch

import (
	"io"

	"goflux/jobid"
)

// Status is a job's state in short.
type Status int

// The states, as they are counted.
const (
	Pending Status = iota
	Running
	Complete
	Failed
)

// String is the word for the state in messages.
func (s Status) String() string {
	return [...]string{"pending", "running", "complete", "failed"}[s]
}

// Job is a job to watch.
type Job struct {
	ID jobid.ID
	// Name is the id as it is shown.
	Name string
	// Submitted is when, in seconds since the epoch.
	Submitted float64
	// Status is that at the beginning.
	Status Status
	// Wait is the event to wait for, with "exec." in front for one of the
	// execution event log.
	Wait string
	// Out and Err are where output and messages go.
	Out, Err io.Writer
}

// watched is a job with what is known about it.
type watched struct {
	Job
	logs    map[string]*log
	started bool
	counted bool // as done
}

// Counts are how many jobs are in which state.
type Counts [Failed + 1]int
