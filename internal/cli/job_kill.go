// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/signame"
	"goflux/jobid"
)

// jobKill is flux job kill.
func (a *app) jobKill() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "kill JOBID...",
		Short: "send a signal to running jobs",
		Args:  a.usageOperands(1, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			ids, rest := parseJobIDs(args)
			if len(rest) > 0 {
				return fail("invalid jobid: %s", rest[0])
			}
			signum, ok := signame.Parse(name)
			if !ok {
				return fail("kill: Invalid signal %s", name)
			}
			return a.tellJobs("kill", args, ids, func(h *flux.Client, id jobid.ID) (*flux.Call, error) {
				return h.Go("job-manager.kill", flux.NodeAny, rpc.JobKill{ID: id, Signum: signum})
			})
		},
	}
	cmd.Flags().StringVarP(&name, "signal", "s", "SIGTERM", "Send signal `SIG`")
	return cmd
}

// parseJobIDs reads the operands up to the first that names no job.
func parseJobIDs(args []string) (ids []jobid.ID, rest []string) {
	for i, arg := range args {
		id, err := jobid.Parse(arg)
		if err != nil {
			return ids, args[i:]
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// tellJobs sends a request about every job at once and reports those that
// failed, with the job as the user named it.
func (a *app) tellJobs(what string, names []string, ids []jobid.ID, send func(*flux.Client, jobid.ID) (*flux.Call, error)) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	calls := make([]*flux.Call, len(ids))
	for i, id := range ids {
		if calls[i], err = send(h, id); err != nil {
			return err
		}
	}
	failed := false
	for i, call := range calls {
		if err := call.Get(a.ctx, nil); err != nil {
			a.warnf("%s %s: %s", what, names[i], errorText(err))
			failed = true
		}
	}
	if failed {
		return exitStatus(1)
	}
	return nil
}

// jobKillAll is flux job killall.
func (a *app) jobKillAll() *cobra.Command {
	var name, who string
	var force bool
	cmd := &cobra.Command{
		Use:   "killall",
		Short: "send a signal to all running jobs of a user",
		Args:  a.usageOperands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			signum, ok := signame.Parse(name)
			if !ok {
				return fail("killall: Invalid signal %s", name)
			}
			userid, err := userOption(who)
			if err != nil {
				return err
			}
			h, err := a.open()
			if err != nil {
				return err
			}
			var n rpc.JobsAffected
			req := rpc.JobKillAll{DryRun: !force, UserID: userid, Signum: signum}
			if err := h.RPC(a.ctx, "job-manager.killall", flux.NodeAny, req, &n); err != nil {
				return fail("killall: %v", err)
			}
			a.affected(n, force, message.SignalText(syscall.Signal(signum)))
			return nil
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&name, "signal", "s", "SIGTERM", "Send signal `SIG`")
	fs.StringVarP(&who, "user", "u", "", "The jobs of `USER`, or all")
	fs.BoolVarP(&force, "force", "f", false, "Do it")
	return cmd
}

// userOption reads the value of --user, by default this user.
func userOption(s string) (uint32, error) {
	if s == "" {
		return uint32(os.Getuid()), nil
	}
	id, ok := parseUser(s)
	if !ok {
		return 0, fail("unknown user %s", s)
	}
	return id, nil
}

// affected tells how many jobs a request for many was about.
func (a *app) affected(n rpc.JobsAffected, force bool, done string) {
	switch {
	case n.Count == 0:
		a.warnf("Command matched 0 jobs")
	case !force:
		a.warnf("Command matched %d jobs (-f to confirm)", n.Count)
	default:
		a.warnf("%s", fmt.Sprintf("%s %d jobs (%d errors)", done, n.Count, n.Errors))
	}
}
