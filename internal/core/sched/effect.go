// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"fmt"

	"goflux/jobid"
	"goflux/rset"
)

// Effect is an answer to a request (RFC 27).
type Effect interface {
	fmt.Stringer
	effect()
}

// Effects.
type (
	// Alloc is resources granted. Summary goes into the annotation
	// sched.resource_summary; Ahead, of a request that was backfilled, is the
	// one that it went before.
	Alloc struct {
		ID      jobid.ID
		R       *rset.R
		Summary string
		Ahead   jobid.ID
	}
	// Deny is a request that can never be satisfied.
	Deny struct {
		ID   jobid.ID
		Note string
	}
	// Canceled is a request taken back.
	Canceled struct{ ID jobid.ID }
)

func (Alloc) effect()    {}
func (Deny) effect()     {}
func (Canceled) effect() {}

func (e Alloc) String() string    { return fmt.Sprintf("alloc %s %s", e.ID, e.Summary) }
func (e Deny) String() string     { return fmt.Sprintf("deny %s: %s", e.ID, e.Note) }
func (e Canceled) String() string { return fmt.Sprintf("canceled %s", e.ID) }
