// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// jobRaise is flux job raise.
func (a *app) jobRaise() *cobra.Command {
	var severity int
	var kind, note string
	cmd := &cobra.Command{
		Use:   "raise JOBID... [--] [MESSAGE...]",
		Short: "raise an exception on jobs",
		Args:  a.usageOperands(1, -1),
	}
	fs := cmd.Flags()
	fs.IntVarP(&severity, "severity", "s", 0, "Set the severity to `N`, 0 (fatal) to 7")
	fs.StringVarP(&kind, "type", "t", "cancel", "Set the exception's `TYPE`")
	fs.StringVarP(&note, "message", "m", "", "Say `NOTE` about it")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		ids, rest := parseJobIDs(args)
		if len(rest) > 0 && rest[0] == "--" {
			rest = rest[1:]
		}
		if len(rest) > 0 {
			if fs.Changed("message") {
				return fail("Do not set note on command line and with --message")
			}
			if len(ids) == 0 {
				return fail("invalid jobid: %s", rest[0])
			}
			note = strings.Join(rest, " ")
		}
		return a.tellJobs("raise", args, ids, func(h *flux.Client, id jobid.ID) (*flux.Call, error) {
			req := rpc.JobRaise{ID: id, Type: kind, Severity: severity, Note: note}
			return h.Go("job-manager.raise", flux.NodeAny, req)
		})
	}
	return cmd
}

// jobRaiseAll is flux job raiseall.
func (a *app) jobRaiseAll() *cobra.Command {
	var severity int
	var who string
	var states []string
	var force bool
	cmd := &cobra.Command{
		Use:   "raiseall TYPE [MESSAGE...]",
		Short: "raise an exception on all jobs of a user",
		Args:  a.usageOperands(1, -1),
	}
	fs := cmd.Flags()
	fs.IntVarP(&severity, "severity", "s", 7, "Set the severity to `N`, 0 (fatal) to 7")
	fs.StringVarP(&who, "user", "u", "", "The jobs of `USER`, or all")
	fs.StringSliceVarP(&states, "states", "S", nil, "Jobs in these `STATES` (default active)")
	fs.BoolVarP(&force, "force", "f", false, "Do it")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		mask := jobinfo.StateActive
		if fs.Changed("states") {
			var err error
			if mask, err = parseStates(states); err != nil {
				return err
			}
			if mask&jobinfo.StateInactive != 0 {
				return fail("Exceptions cannot be raised on inactive jobs")
			}
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
		req := rpc.JobRaiseAll{
			DryRun: !force, UserID: userid, States: mask, Severity: severity,
			Type: args[0], Note: strings.Join(args[1:], " "),
		}
		if err := h.RPC(a.ctx, "job-manager.raiseall", flux.NodeAny, req, &n); err != nil {
			return fail("raiseall: %v", err)
		}
		a.affected(n, force, "Raised exception on")
		return nil
	}
	return cmd
}

// parseStates makes one mask of the names of states.
func parseStates(names []string) (int, error) {
	mask := 0
	for _, name := range names {
		if name == "" {
			continue
		}
		state, ok := jobinfo.ParseState(name)
		if !ok {
			return 0, fail("error parsing --states: %s is unknown", name)
		}
		mask |= state
	}
	if mask == 0 {
		return 0, fail("no states specified")
	}
	return mask, nil
}
