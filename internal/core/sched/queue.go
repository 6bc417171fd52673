// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import "goflux/jobid"

// Queue returns the first most requests that wait, in the order they are served.
func (m *Machine) Queue(most int) []jobid.ID {
	var ids []jobid.ID
	m.queue.Scan(func(w *waiting) bool {
		if len(ids) == most {
			return false
		}
		ids = append(ids, w.id)
		return true
	})
	return ids
}
