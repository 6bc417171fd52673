// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"fmt"

	"goflux/constraint"
	"goflux/jobspec"
)

// Request is what a job wants of the scheduler.
type Request struct {
	// Nodes is how many nodes, zero if slots may lie anywhere.
	Nodes jobspec.Count
	// Slots is how many slots: on each node, or in total if Nodes is zero.
	Slots jobspec.Count
	// Cores and GPUs of a slot, Cores at least 1.
	Cores, GPUs int64
	// Exclusive takes whole nodes.
	Exclusive bool
	// Duration in seconds, 0 for as long as the inventory lasts.
	Duration float64
	// Constraint on nodes (RFC 31), nil for none.
	Constraint *constraint.NodeExpr
}

// NewRequest reads the request from a jobspec. An error wraps EINVAL; a job
// that comes with such a jobspec is to be denied.
func NewRequest(j *jobspec.Jobspec) (*Request, error) {
	c, err := j.Counts()
	if err != nil {
		return nil, err
	}
	r := &Request{
		Nodes:     c.Nodes,
		Slots:     c.Slots,
		Cores:     c.CoresPerSlot,
		GPUs:      c.GPUsPerSlot,
		Exclusive: c.NodeExclusive || c.SlotExclusive,
		Duration:  j.Duration(),
	}
	if r.Exclusive && r.Nodes.IsZero() {
		// Exclusive slots without a node: each takes a node for itself.
		r.Nodes, r.Slots = r.Slots, jobspec.Fixed(1)
	}
	if raw := j.Constraints(); raw != nil {
		if r.Constraint, err = constraint.Parse(raw); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// onNode returns the cores and GPUs wanted of each node, of a request that
// wants nodes.
func (r *Request) onNode() (cores, gpus int64) {
	return r.Slots.Min() * r.Cores, r.Slots.Min() * r.GPUs
}

// String is the request for people. It says all but the duration, so requests
// that print alike are equally feasible.
func (r *Request) String() string {
	s := fmt.Sprintf("%v slots of %d cores", r.Slots, r.Cores)
	if r.GPUs > 0 {
		s += fmt.Sprintf(" %d gpus", r.GPUs)
	}
	if !r.Nodes.IsZero() {
		s = fmt.Sprintf("%v nodes with ", r.Nodes) + s
	}
	if r.Exclusive {
		s = "exclusive " + s
	}
	if r.Constraint != nil {
		s += " on " + r.Constraint.String()
	}
	return s
}
