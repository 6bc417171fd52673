// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// cancelOptions are those of flux cancel.
type cancelOptions struct {
	all, dryRun, quiet bool
	user, note         string
	states             []string
}

// newCancel is flux cancel.
func newCancel(a *app) *cobra.Command {
	var o cancelOptions
	cmd := &cobra.Command{
		Use: "cancel [JOBID...]", Short: "cancel jobs",
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			ids, err := operandIDs(args)
			if err != nil {
				return err
			}
			o.all = o.all || o.user != "" || len(o.states) > 0
			switch {
			case o.all && len(ids) > 0:
				return fail("Do not specify a list of jobids with --all,--user,--states options")
			case o.all:
				return a.cancelAll(&o)
			case len(ids) == 0:
				return fail("No target jobs were provided")
			case o.dryRun:
				a.warnf("Would cancel %s", jobCount(len(ids)))
				return nil
			}
			return a.cancelJobs(ids, args, o.note)
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.all, "all", false, "Cancel all jobs")
	fs.BoolVarP(&o.dryRun, "dry-run", "n", false, "Do not cancel anything")
	hidden(fs, "dry", fs.Lookup("dry-run").Value)
	fs.Lookup("dry").NoOptDefVal = "true"
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Say nothing when no job matches")
	fs.StringVarP(&o.user, "user", "u", "", "Cancel the jobs of `USER`, or all")
	fs.StringSliceVarP(&o.states, "states", "S", nil, "Cancel jobs in these `STATES` (default active)")
	hidden(fs, "state", fs.Lookup("states").Value)
	fs.StringVarP(&o.note, "message", "m", "", "Say `NOTE` about it")
	return cmd
}

// jobCount is "1 job", "2 jobs".
func jobCount(n int) string {
	if n == 1 {
		return "1 job"
	}
	return fmt.Sprintf("%d jobs", n)
}

// sendCancel asks for the cancellation of a job.
func sendCancel(h *flux.Client, id jobid.ID, note string) (*flux.Call, error) {
	return h.Go("job-manager.raise", flux.NodeAny, rpc.JobRaise{ID: id, Type: "cancel", Note: note})
}

func (a *app) cancelJobs(ids []jobid.ID, names []string, note string) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	calls := make([]*flux.Call, len(ids))
	for i, id := range ids {
		if calls[i], err = sendCancel(h, id, note); err != nil {
			return err
		}
	}
	failed := false
	for i, call := range calls {
		if err := call.Get(a.ctx, nil); err != nil {
			failed = true
			a.problem(fmt.Sprintf("flux-%s: ERROR: %s: %s", a.name, f58(ids[i]), errorText(err)))
		}
	}
	if failed {
		return exitStatus(1)
	}
	return nil
}

func (a *app) cancelAll(o *cancelOptions) error {
	userid := uint32(os.Getuid())
	if o.user != "" {
		var err error
		if userid, err = parseUserStrict(o.user); err != nil {
			return err
		}
	}
	mask := 0
	for _, name := range o.states {
		state, _, ok := jobinfo.ParseFilter(name)
		if !ok || state == 0 || state&jobinfo.StateInactive != 0 || strings.EqualFold(name, "cleanup") {
			return fail("Invalid state %s specified", name)
		}
		mask |= state
	}
	if mask == 0 {
		mask = jobinfo.StateActive
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	var n rpc.JobsAffected
	req := rpc.JobRaiseAll{DryRun: o.dryRun, UserID: userid, States: mask, Type: "cancel", Note: o.note}
	if err := h.RPC(a.ctx, "job-manager.raiseall", flux.NodeAny, req, &n); err != nil {
		return err
	}
	plural := "s"
	if n.Errors == 1 {
		plural = ""
	}
	switch {
	case n.Count > 0 && o.dryRun:
		a.warnf("Would cancel %s", jobCount(n.Count))
	case n.Count > 0:
		a.warnf("Canceled %s (%d error%s)", jobCount(n.Count), n.Errors, plural)
	case !o.quiet:
		a.warnf("Matched 0 jobs")
	}
	return nil
}
