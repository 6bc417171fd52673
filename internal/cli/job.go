// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"github.com/spf13/cobra"

	"goflux/jobid"
)

// newJob is flux job.
func newJob(a *app) *cobra.Command {
	cmd := a.group("job COMMAND", "attach to, query and change single jobs")
	cmd.AddCommand(
		a.jobAttach(),
	)
	return cmd
}

// parseJobID reads an operand that names a job.
func parseJobID(s string) (jobid.ID, error) {
	id, err := jobid.Parse(s)
	if err != nil {
		return 0, fail("error parsing jobid: \"%s\"", s)
	}
	return id, nil
}
