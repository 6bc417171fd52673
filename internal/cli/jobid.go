// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"goflux/internal/sys/locale"
	"goflux/jobid"
)

// f58 is a job's id as people see it.
func f58(id jobid.ID) string { return locale.JobID(id) }

// parseJobID reads an operand that names a job.
func parseJobID(s string) (jobid.ID, error) {
	id, err := jobid.Parse(s)
	if err != nil {
		return 0, fail("error parsing jobid: \"%s\"", s)
	}
	return id, nil
}
