// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"goflux/idset"
	"goflux/rset"
)

// Acquisition is what a scheduler has been told (RFC 28).
type Acquisition struct {
	valid   *idset.Set // ranks it has and that are not gone
	up      *idset.Set
	removed *idset.Set
}

// Change is news for a scheduler: ranks that went up, down and, of those, are
// gone for good. A nil set is none.
type Change struct{ Up, Down, Shrink *idset.Set }

// Empty reports whether nothing changed.
func (c Change) Empty() bool { return c.Up.Empty() && c.Down.Empty() && c.Shrink.Empty() }

// Acquire tells a scheduler its resources and those that are up. ENOENT while
// R is not known.
func (m *Machine) Acquire() (*Acquisition, *rset.R, *idset.Set, error) {
	r, err := m.Schedulable()
	if err != nil {
		return nil, nil, nil, err
	}
	a := &Acquisition{valid: r.Ranks().Clone(), removed: idset.New()}
	if m.Shrinks() {
		a.removed = m.lost.Clone()
	}
	a.up = m.available(a.valid)
	return a, r, a.up, nil
}

// available is those of valid that jobs may be placed on.
func (m *Machine) available(valid *idset.Set) *idset.Set {
	up := valid.Intersect(m.up)
	up.RemoveSet(m.torpid)
	up.RemoveSet(m.drainedSet)
	up.RemoveSet(m.exclude)
	return up
}

// Update works out what has changed since the scheduler was last told.
func (a *Acquisition) Update(m *Machine) Change {
	var c Change
	up := m.available(a.valid)
	c.Up, c.Down = up.Subtract(a.up), a.up.Subtract(up)
	a.up = up
	if m.Shrinks() {
		c.Shrink = m.lost.Intersect(a.valid).Subtract(a.removed)
		a.removed.AddSet(c.Shrink)
		a.valid.RemoveSet(c.Shrink)
		a.up.RemoveSet(c.Shrink)
	}
	return c
}
