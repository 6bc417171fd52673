// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// jobList is flux job list: jobs as JSON, for scripts.
func (a *app) jobList() *cobra.Command {
	var count int
	var states []string
	var who string
	var allStates, all bool
	cmd := &cobra.Command{
		Use: "list", Short: "list jobs as JSON objects", Hidden: true,
		Args: a.usageOperands(0, 0),
	}
	fs := cmd.Flags()
	fs.IntVarP(&count, "count", "c", 0, "List at most `N` jobs")
	fs.StringSliceVarP(&states, "states", "s", nil, "List jobs in these `STATES`")
	fs.StringVarP(&who, "user", "u", "", "List the jobs of `USER`, or all")
	fs.BoolVarP(&allStates, "all-user", "a", false, "List my jobs in all states")
	fs.BoolVarP(&all, "all", "A", false, "List the jobs of all users in all states")
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := a.refuseTerminal(); err != nil {
			return err
		}
		mask := jobinfo.StateActive
		switch {
		case allStates || all:
			mask |= jobinfo.StateInactive
		case fs.Changed("states"):
			var err error
			if mask, err = parseStates(states); err != nil {
				return err
			}
		}
		if all {
			who = "all"
		}
		userid, err := userOption(who)
		if err != nil {
			return err
		}
		return a.printJobList(rpc.JobList{
			MaxEntries: count, Attrs: []string{"all"},
			Constraint: fmt.Appendf(nil, `{"and":[{"userid":[%d]},{"states":[%d]}]}`, userid, mask),
		})
	}
	return cmd
}

// jobListInactive is flux job list-inactive.
func (a *app) jobListInactive() *cobra.Command {
	var count int
	var since float64
	cmd := &cobra.Command{
		Use: "list-inactive", Short: "list inactive jobs as JSON objects", Hidden: true,
		Args: a.usageOperands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if err := a.refuseTerminal(); err != nil {
				return err
			}
			return a.printJobList(rpc.JobList{
				MaxEntries: count, Attrs: []string{"all"}, Since: since,
				Constraint: fmt.Appendf(nil, `{"states":[%d]}`, jobinfo.StateInactive),
			})
		},
	}
	cmd.Flags().IntVarP(&count, "count", "c", 0, "List at most `N` jobs")
	cmd.Flags().Float64VarP(&since, "since", "s", 0, "List jobs that ended since `T`, seconds since the epoch")
	return cmd
}

// jobListIDs is flux job list-ids.
func (a *app) jobListIDs() *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use: "list-ids JOBID...", Short: "list jobs as JSON objects by id", Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.refuseTerminal(); err != nil {
				return err
			}
			if len(args) == 0 {
				return a.usage(cmd)
			}
			number, ok := jobinfo.ParseState(state)
			if !ok {
				return fail("invalid job state specified")
			}
			return a.printJobs(args, number)
		},
	}
	cmd.Flags().StringVarP(&state, "wait-state", "W", "depend", "Wait until the jobs have reached `STATE`")
	return cmd
}

// refuseTerminal sends people to flux jobs.
func (a *app) refuseTerminal() error {
	if stdoutIsTerminal() {
		fmt.Fprintln(a.err, "This is not the command you are looking for. Try flux-jobs(1).")
		return exitStatus(1)
	}
	return nil
}

func (a *app) printJobs(args []string, state int) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	calls := make([]*flux.Call, len(args))
	for i, arg := range args {
		id, err := parseJobID(arg)
		if err != nil {
			return err
		}
		req := rpc.JobListID{ID: id, Attrs: []string{"all"}, State: state}
		if calls[i], err = h.Go("job-list.list-id", flux.NodeAny, req); err != nil {
			return err
		}
	}
	for _, call := range calls {
		var resp struct {
			Job jsontext.Value `json:"job"`
		}
		if err := call.Get(a.ctx, &resp); err != nil {
			return fail("flux job-list.list-id: %v", err)
		}
		a.printSpaced(resp.Job)
	}
	return nil
}

func (a *app) printJobList(req rpc.JobList) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	err = listJobs(a, h, req, a.printSpaced)
	if err != nil {
		return fail("flux job-list.list: %v", err)
	}
	return nil
}

// listJobs calls f with every job that job-list.list answers (RFC 43).
func listJobs(a *app, h *flux.Client, req rpc.JobList, f func(jsontext.Value)) error {
	call, err := h.Stream("job-list.list", flux.NodeAny, req)
	if err != nil {
		return err
	}
	for {
		var resp struct {
			Jobs []jsontext.Value `json:"jobs"`
		}
		if err := call.Get(a.ctx, &resp); err != nil {
			if isEndOfStream(err) {
				return nil
			}
			return err
		}
		for _, job := range resp.Jobs {
			f(job)
		}
	}
}

// printSpaced prints JSON on one line with a blank after commas and colons.
func (a *app) printSpaced(v jsontext.Value) {
	fmt.Fprintln(a.out, jobinfo.Spaced(v))
}

// jobStats is flux job stats.
func (a *app) jobStats() *cobra.Command {
	return &cobra.Command{
		Use: "stats", Short: "print job statistics as JSON",
		Args: a.usageOperands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			v, err := a.call(h, "job-list.job-stats", flux.NodeAny, nil)
			if err != nil {
				return fail("stats: %v", err)
			}
			fmt.Fprintf(a.out, "%s\n", v)
			return nil
		},
	}
}

// jobLast is flux job last.
func (a *app) jobLast() *cobra.Command {
	return &cobra.Command{
		Use: "last [N|SLICE]", Short: "print the ids of my latest jobs",
		Args: a.usageOperands(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			slice := "[:1]"
			if len(args) > 0 {
				slice = args[0]
			}
			if slice != "" && slice[0] != '[' {
				var n int
				if _, err := fmt.Sscanf(slice+" ", "%d ", &n); err != nil {
					return a.usage(cmd)
				}
				slice = fmt.Sprintf("[:%d]", n)
			}
			h, err := a.open()
			if err != nil {
				return err
			}
			var resp struct {
				Jobs []jobid.ID `json:"jobs"`
			}
			req := map[string]string{"slice": slice}
			if err := h.RPC(a.ctx, "job-manager.history.get", flux.NodeAny, req, &resp); err != nil {
				return err
			}
			if len(resp.Jobs) == 0 {
				return fail("job history is empty")
			}
			for _, id := range resp.Jobs {
				fmt.Fprintln(a.out, f58(id))
			}
			return nil
		},
	}
}
