// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import (
	"github.com/go-json-experiment/json/jsontext"

	"goflux/eventlog"
	"goflux/jobid"
)

// Effect is something the machine wants done. Their order counts: what follows
// a Logged is to be done when that event is durable.
type Effect interface{ effect() }

// Effects.
type (
	// Logged is an event that has been posted: to be made durable, then shown
	// to those who watch.
	Logged struct {
		Job   *Job
		Entry eventlog.Entry
		Line  []byte // the entry as it stands in the log
	}
	// RequestAlloc asks the scheduler for resources (RFC 27).
	RequestAlloc struct{ Job *Job }
	// CancelAlloc takes such a request back; the scheduler answers that.
	CancelAlloc struct{ ID jobid.ID }
	// Prioritize tells the scheduler a new priority of a pending request.
	Prioritize struct {
		ID       jobid.ID
		Priority int64
	}
	// StartExec asks the execution service to run the job (RFC 32).
	StartExec struct {
		Job      *Job
		Reattach bool // it is on record that it has started
		Again    bool // another execution service may have begun to start it
	}
	// RunProlog and RunEpilog run the site's command for the job; PrologEnded
	// or EpilogEnded is to be called when it has ended. StopPerilog says that
	// the job got a fatal exception meanwhile.
	RunProlog   struct{ Job *Job }
	RunEpilog   struct{ Job *Job }
	StopPerilog struct{ Job *Job }
	// HandOver gives the job's resources to housekeeping.
	HandOver struct{ Job *Job }
	// Extend tells the execution service a new time limit of a job that runs,
	// in seconds since the epoch; 0 is none.
	Extend struct {
		Job        *Job
		Expiration float64
	}
	// Free returns resources to the scheduler: R as allocated, all of it.
	Free struct {
		ID jobid.ID
		R  jsontext.Value
	}
	// Retire says that the job is inactive: its record is to be stored and
	// forgotten here.
	Retire struct{ Job *Job }
)

func (Logged) effect()       {}
func (RequestAlloc) effect() {}
func (CancelAlloc) effect()  {}
func (Prioritize) effect()   {}
func (StartExec) effect()    {}
func (RunProlog) effect()    {}
func (RunEpilog) effect()    {}
func (StopPerilog) effect()  {}
func (HandOver) effect()     {}
func (Extend) effect()       {}
func (Free) effect()         {}
func (Retire) effect()       {}
