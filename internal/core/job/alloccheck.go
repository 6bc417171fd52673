// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import "goflux/rset"

// checkAlloc ends a job that was given resources which another job holds: the
// scheduler is broken. It looks at every job that has resources, which is why
// it is only done where a site asks for it (alloc-check.so).
func (m *Machine) checkAlloc(now float64, j *Job) {
	mine, err := rset.Parse(j.R)
	if err != nil {
		return // the execution service will say so
	}
	for _, other := range m.jobs {
		if other == j || !other.Allocated || other.Freed {
			continue
		}
		theirs, err := rset.Parse(other.R)
		if err == nil && !mine.Intersect(theirs).Empty() {
			m.post(now, j, "exception", Exception{Type: "alloc-check", Severity: 0, Note: "resources already allocated"})
			return
		}
	}
}
