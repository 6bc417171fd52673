// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import "goflux/internal/store"

// readRows are the listings of jobs that have ended which were read last, since
// the same ones, the newest, are asked for again and again. They are used by
// one listing at a time, and are not to be changed.
type readRows struct {
	rows  map[rowKey]map[string]any
	order []rowKey // from next on, and then those before it, the oldest first
	next  int
}

// rowKey is a job's end: an id may be purged and come back from a dump.
type rowKey struct {
	id        uint64
	tInactive float64
}

// maxReadRows bounds how many are kept: more than a page has. They take some
// 2 kB each.
const maxReadRows = 1200

func (r *readRows) get(f *store.FinishedJob) map[string]any {
	return r.rows[rowKey{f.ID, f.TInactive}]
}

func (r *readRows) put(f *store.FinishedJob, o map[string]any) {
	k := rowKey{f.ID, f.TInactive}
	if r.rows == nil {
		r.rows = map[rowKey]map[string]any{}
	}
	r.rows[k] = o
	if len(r.order) < maxReadRows {
		r.order = append(r.order, k)
		return
	}
	delete(r.rows, r.order[r.next])
	r.order[r.next] = k
	r.next = (r.next + 1) % maxReadRows
}
