// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/idset"
	"goflux/internal/cli/attach"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// tailDefault is how many entries --tail prints when it does not say.
const tailDefault = "10"

// jobAttach is flux job attach.
func (a *app) jobAttach() *cobra.Command {
	o := attach.Defaults(0, "")
	var tail, interval string
	var debug, emulate, unbuffered bool
	var verbose int
	cmd := &cobra.Command{
		Use:   "attach JOBID",
		Short: "follow a job, feed it standard input, exit as it does",
		Args:  a.operands(1, 1),
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.ShowEvents, "show-events", "E", false, "Show job events on standard error")
	fs.BoolVarP(&o.ShowExec, "show-exec", "X", false, "Show execution events on standard error")
	fs.BoolVar(&o.ShowStatus, "show-status", false, "Show why the job is pending, at once")
	fs.StringVarP(&o.WaitEvent, "wait-event", "w", o.WaitEvent, "Detach from the event log after event `NAME`")
	fs.BoolVarP(&o.LabelIO, "label-io", "l", false, "Begin lines of output with their task's rank")
	fs.CountVarP(&verbose, "verbose", "v", "Show where in the shell messages come from")
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "Do not show messages of shells and redirections")
	fs.BoolVarP(&o.ReadOnly, "read-only", "r", false, "Leave standard input and signals alone")
	fs.BoolVarP(&unbuffered, "unbuffered", "u", false, "Send standard input as it comes (always so)")
	fs.StringVarP(&o.StdinRanks, "stdin-ranks", "i", o.StdinRanks, "Send standard input to `RANKS` only")
	fs.StringVar(&tail, "tail", "", "Of earlier output show the last `NUM` entries only (default 10)")
	fs.Lookup("tail").NoOptDefVal = tailDefault
	fs.BoolVar(&debug, "debug", false, "The job is to be debugged: it must not have ended (see flux job hostpids)")
	fs.BoolVar(&emulate, "debug-emulate", false, "")
	fs.StringVar(&interval, "queue-check-interval", "", "")
	_ = fs.MarkHidden("debug-emulate")
	_ = fs.MarkHidden("queue-check-interval")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		var err error
		o.Name = args[0]
		if o.ID, err = parseJobID(args[0]); err != nil {
			return err
		}
		o.Verbose, o.Continue = verbose > 0, emulate
		if fs.Changed("stdin-ranks") && o.ReadOnly {
			return fail("Do not use --stdin-ranks with --read-only")
		}
		if _, err := idset.Parse(o.StdinRanks); err != nil && o.StdinRanks != attach.AllRanks {
			return fail("Invalid value '%s' for --stdin-ranks", o.StdinRanks)
		}
		if tail != "" {
			if o.Tail, err = strconv.Atoi(tail); err != nil || o.Tail < 0 {
				return fail("invalid tail argument")
			}
		}
		if seconds, err := strconv.ParseFloat(interval, 64); err == nil {
			o.QueueInterval = time.Duration(seconds * float64(time.Second))
		}
		h, err := a.open()
		if err != nil {
			return err
		}
		if debug || emulate {
			if err := a.debuggable(h, o.ID); err != nil {
				return err
			}
			if verbose > 1 {
				fmt.Fprintf(a.err, "flux-job: totalview_jobid=%d\n", uint64(o.ID))
			}
		}
		return a.attach(h, o)
	}
	return cmd
}

// ended are the states CLEANUP and INACTIVE (RFC 43).
const ended = 32 | 64

// debuggable is an error for a job that has ended, with the reason if that is
// why it did.
func (a *app) debuggable(h *flux.Client, id jobid.ID) error {
	var resp struct {
		Job struct {
			State     int    `json:"state"`
			Exception string `json:"exception_type"`
			Note      string `json:"exception_note"`
		} `json:"job"`
	}
	req := rpc.JobListID{ID: id, Attrs: []string{"state", "exception_type", "exception_note"}}
	if err := h.RPC(a.ctx, "job-list.list-id", flux.NodeAny, req, &resp); err != nil {
		return fail("Failed to attach to %s: %s", f58(id), flux.ErrorText(err))
	}
	switch j := resp.Job; {
	case j.State&ended == 0:
		return nil
	case j.Note != "":
		return fail("cannot debug job that has finished: %s: %s", j.Exception, j.Note)
	}
	return fail("cannot debug job that has finished")
}
