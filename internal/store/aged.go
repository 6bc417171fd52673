// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import "math"

// AgedJob is a finished job that is old: what is needed to forget it.
type AgedJob struct {
	ID     uint64
	Result int
	Queue  string
}

// AgedJobs returns up to limit finished jobs to be purged, oldest first: those
// that became inactive before the given time (0: none for their age) and those
// beyond the newest keep (negative: none for their number).
func (s *Store) AgedJobs(before float64, keep int64, limit int) ([]AgedJob, error) {
	surplus := int64(0)
	if keep >= 0 {
		all, err := s.Tallies()
		if err != nil {
			return nil, err
		}
		for _, t := range all {
			surplus += t.Count
		}
		surplus = max(0, surplus-keep)
	}
	if before == 0 {
		before = -math.MaxFloat64
	}
	var jobs []AgedJob
	err := s.reader("listing old jobs", func(c *conn) error {
		const rows = "SELECT id, t_inactive, result, queue FROM goflux_job ORDER BY t_inactive, id LIMIT ?"
		return query(c, rows, func(st *stmt) bool {
			if st.ColumnFloat(1) >= before && int64(len(jobs)) >= surplus {
				return false
			}
			jobs = append(jobs, AgedJob{uint64(st.ColumnInt64(0)), st.ColumnInt(2), st.ColumnText(3)})
			return true
		}, int64(limit))
	})
	return jobs, err
}
