// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"goflux/internal/rpc"
	"goflux/internal/sign"
)

// lookupCurrent is the flag of job-info.lookup that applies the updates of the
// event log to the value.
const lookupCurrent = 2

const jobInfoKeys = `The keys that every job has, once it has got that far:

  jobspec              what was asked for, with later updates
  R                    the resources it was given, with later updates
  J                    the request as it was signed
  eventlog             what has happened to it
  guest.exec.eventlog  what has happened to its shells and tasks
  guest.input          its standard input
  guest.output         its output`

// jobInfo is flux job info.
func (a *app) jobInfo() *cobra.Command {
	var original, base bool
	cmd := &cobra.Command{
		Use: "info JOBID KEY", Short: "print a job's R, jobspec, J, eventlog, …",
		Long: jobInfoKeys,
		Args: a.usageOperands(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			id, err := parseJobID(args[0])
			if err != nil {
				return err
			}
			h, err := a.open()
			if err != nil {
				return err
			}
			req := rpc.JobInfoLookup{ID: id, Keys: args[1:]}
			switch key := args[1]; {
			case original && key == "jobspec":
				req.Keys = []string{"J"}
			case !base && (key == "R" || key == "jobspec"):
				req.Flags = lookupCurrent
			}
			text, err := a.lookupJob(h, req)
			if err != nil {
				return err
			}
			if req.Keys[0] == "J" && args[1] == "jobspec" {
				signed, err := sign.Unwrap(text)
				if err != nil {
					return fail("Failed to unwrap J to get jobspec: %v", err)
				}
				text = string(signed.Payload)
			}
			fmt.Fprintln(a.out, text)
			return nil
		},
	}
	cmd.Flags().BoolVarP(&original, "original", "o", false, "Print the jobspec as it was submitted")
	cmd.Flags().BoolVarP(&base, "base", "b", false, "Print jobspec or R without later updates")
	return cmd
}
