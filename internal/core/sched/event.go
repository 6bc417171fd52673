// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"fmt"

	"goflux/idset"
	"goflux/jobid"
	"goflux/rset"
)

// Event is something that happened.
type Event interface {
	fmt.Stringer
	apply(*Machine) ([]Effect, error)
}

// Events.
type (
	// Hello is a job that held resources when the scheduler started (RFC 27
	// sched-hello). R is without what it gave back already.
	Hello struct {
		ID jobid.ID
		R  *rset.R
	}
	// Submit is a request for resources.
	Submit struct {
		ID       jobid.ID
		Priority int64
		Request  *Request
	}
	// Cancel takes a request back. One that does not wait is ignored.
	Cancel struct{ ID jobid.ID }
	// Prioritize changes the priority of a request. One that does not wait is
	// ignored.
	Prioritize struct {
		ID       jobid.ID
		Priority int64
	}
	// Free returns a job's resources on some ranks, on all it still holds if
	// Ranks is nil. Final says that nothing may remain then.
	Free struct {
		ID    jobid.ID
		Ranks *idset.Set
		Final bool
	}
	// Expiration changes when a job's allocation ends, in seconds since the
	// epoch, 0 for never.
	Expiration struct {
		ID jobid.ID
		At float64
	}
	// Up makes ranks available. Ranks unknown are ignored.
	Up struct{ Ranks *idset.Set }
	// Down makes ranks unavailable to new jobs. Ranks unknown are ignored.
	Down struct{ Ranks *idset.Set }
	// Shrink removes ranks from the inventory for good.
	Shrink struct{ Ranks *idset.Set }
	// ResourceExpiration changes when the inventory ends, in seconds since the
	// epoch, 0 for never.
	ResourceExpiration struct{ At float64 }
)

func (e Hello) String() string      { return fmt.Sprintf("hello %s %s", e.ID, e.R.Summary()) }
func (e Submit) String() string     { return fmt.Sprintf("submit %s p%d %s", e.ID, e.Priority, e.Request) }
func (e Cancel) String() string     { return fmt.Sprintf("cancel %s", e.ID) }
func (e Prioritize) String() string { return fmt.Sprintf("prioritize %s p%d", e.ID, e.Priority) }
func (e Free) String() string {
	ranks := "all"
	if e.Ranks != nil {
		ranks = e.Ranks.String()
	}
	if e.Final {
		ranks += " final"
	}
	return fmt.Sprintf("free %s %s", e.ID, ranks)
}
func (e Expiration) String() string         { return fmt.Sprintf("expiration %s %.1f", e.ID, e.At) }
func (e Up) String() string                 { return fmt.Sprintf("up %s", e.Ranks) }
func (e Down) String() string               { return fmt.Sprintf("down %s", e.Ranks) }
func (e Shrink) String() string             { return fmt.Sprintf("shrink %s", e.Ranks) }
func (e ResourceExpiration) String() string { return fmt.Sprintf("resource-expiration %.1f", e.At) }
