// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import "goflux/eventlog"

// Amended returns the job with the updates of R and jobspec that are in another
// log, one that others keep beside its own: what they say decides nothing, and is
// shown to those who ask for the newest. Events that make no sense are passed
// over. Without updates it is the job itself, which is never changed.
func (j *Job) Amended(log []byte) *Job {
	entries, err := eventlog.Parse(log)
	if err != nil {
		return j
	}
	out := j
	for _, e := range entries {
		if e.Name != "resource-update" && e.Name != "jobspec-update" {
			continue
		}
		next := *out
		if steps[e.Name](&next, e) == nil {
			out = &next
		}
	}
	return out
}
