// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/cli/attach"
	"goflux/internal/cli/jobargs"
	"goflux/internal/rpc"
	"goflux/jobid"
	"goflux/jobspec"
)

// newRun is flux run.
func newRun(a *app) *cobra.Command {
	s := &submission{}
	cmd := &cobra.Command{
		Use:   "run COMMAND [ARGS...]",
		Short: "run a job and attach to it",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			s.Command = args
			return a.runJob(s)
		},
	}
	fs := cmd.Flags()
	s.commonFlags(fs)
	s.taskFlags(fs)
	fs.StringVar(&s.waitEvent, "wait-event", "", "Detach from the job's event log after event `NAME`")
	fs.BoolVar(&s.debug, "debug-emulate", false, "")
	_ = fs.MarkHidden("debug-emulate")
	ownArgs(cmd)
	return cmd
}

func (a *app) runJob(s *submission) error {
	if s.debug {
		s.SetOpt = append(s.SetOpt, "stop-tasks-in-exec")
	}
	j, err := s.jobspec(&s.Args, a.jobSystem())
	if err != nil {
		return badSubmission(err)
	}
	if s.dryRun {
		fmt.Fprintln(a.out, j)
		return nil
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	id, err := a.submitJob(h, s, j)
	if err != nil {
		return err
	}
	if s.verbose > 0 {
		fmt.Fprintf(a.err, "jobid: %s\n", f58(id))
	}
	o := attach.Defaults(id, f58(id))
	o.New = true
	o.LabelIO = s.LabelIO
	o.Continue = s.debug
	o.ShowEvents = s.verbose > 1
	o.ShowExec = s.verbose > 2
	if s.waitEvent != "" {
		o.WaitEvent = s.waitEvent
	}
	if s.Input != "" && jobargs.IsRanks(s.Input) {
		o.StdinRanks = s.Input
	}
	return a.attach(h, o)
}

// submitJob submits one job and waits for its id.
func (a *app) submitJob(h *flux.Client, s *submission, j *jobspec.Jobspec) (jobid.ID, error) {
	req, err := s.request(j)
	if err != nil {
		return 0, err
	}
	call, err := sendJob(h, req)
	if err != nil {
		return 0, err
	}
	var resp rpc.JobID
	err = call.Get(a.ctx, &resp)
	return resp.ID, err
}

// attach follows a job and ends the command as the job did.
func (a *app) attach(h *flux.Client, o attach.Options) error {
	streams := attach.Streams{In: os.Stdin, Out: a.out, OutFile: os.Stdout, Err: os.Stderr}
	exit, err := attach.Run(a.ctx, h, o, streams)
	if err != nil {
		// What attaching has to say is flux job's, whoever attached.
		a.flush()
		fmt.Fprintf(a.err, "flux-job: %v\n", err)
		exit = 1
	}
	return exitStatus(exit)
}
