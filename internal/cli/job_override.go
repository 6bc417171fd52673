// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"strconv"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/rpc"
)

// newJobOverride is flux job-exec-override: it says when a mock job whose
// jobspec asks for that starts and ends.
func newJobOverride(a *app) *cobra.Command {
	cmd := a.group("job-exec-override", "start and end mock jobs by hand")
	start := &cobra.Command{
		Use: "start JOBID", Short: "let a mock job start", Args: a.operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error { return a.overrideJob(args[0], "start", 0) },
	}
	finish := &cobra.Command{
		Use: "finish JOBID STATUS", Short: "let a mock job end with a wait status", Args: a.operands(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			status, err := strconv.Atoi(args[1])
			if err != nil {
				return usageError("argument STATUS: invalid int value: '%s'", args[1])
			}
			return a.overrideJob(args[0], "finish", status)
		},
	}
	cmd.AddCommand(start, finish)
	return cmd
}

func (a *app) overrideJob(id, event string, status int) error {
	ids, err := operandIDs([]string{id})
	if err != nil {
		return err
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	return h.RPC(a.ctx, "job-exec.override", flux.NodeAny, rpc.ExecOverride{JobID: ids[0], Event: event, Status: status}, nil)
}
