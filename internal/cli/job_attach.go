// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"goflux/idset"
	"goflux/internal/cli/attach"
)

// tailDefault is how many entries --tail prints when it does not say.
const tailDefault = "10"

// jobAttach is flux job attach.
func (a *app) jobAttach() *cobra.Command {
	o := attach.Defaults(0, "")
	var tail, interval string
	var debug, emulate, unbuffered bool
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
	fs.BoolVarP(&o.Verbose, "verbose", "v", false, "Show where in the shell messages come from")
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "Do not show messages of shells and redirections")
	fs.BoolVarP(&o.ReadOnly, "read-only", "r", false, "Leave standard input and signals alone")
	fs.BoolVarP(&unbuffered, "unbuffered", "u", false, "Send standard input as it comes (always so)")
	fs.StringVarP(&o.StdinRanks, "stdin-ranks", "i", o.StdinRanks, "Send standard input to `RANKS` only")
	fs.StringVar(&tail, "tail", "", "Of earlier output show the last `NUM` entries only (default 10)")
	fs.Lookup("tail").NoOptDefVal = tailDefault
	fs.BoolVar(&debug, "debug", false, "Let a parallel debugger attach")
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
		if debug || emulate {
			return fail("parallel debuggers are not supported")
		}
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
		return a.attach(h, o)
	}
	return cmd
}
