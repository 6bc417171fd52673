// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// newPostEvent is flux post-job-event: the instance owner adds an event to a
// job's log.
func newPostEvent(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "post-job-event JOBID NAME [KEY=VALUE...]", Short: "add an event to a job's log", Args: a.operands(2, -1),
		Long: "JOBID is an active job, NAME the name of event to post, KEY=VALUE a key of its context.",
		RunE: func(_ *cobra.Command, args []string) error {
			id, err := jobid.Parse(args[0])
			if err != nil {
				return fail("%s is not a valid Flux jobid", args[0])
			}
			req := rpc.JobPostEvent{ID: id, Name: args[1]}
			if len(args) > 2 {
				object, err := jobtapConf(args[2:])
				if err != nil {
					return err
				}
				if req.Context, err = message.Marshal(object); err != nil {
					return err
				}
			}
			h, err := a.open()
			if err != nil {
				return err
			}
			err = h.RPC(a.ctx, "job-manager.post-event.post", flux.NodeAny, req, nil)
			if errors.Is(err, syscall.ENOENT) {
				return fail("No such job %s", args[0])
			}
			return err
		},
	}
	ownArgs(cmd)
	return cmd
}
