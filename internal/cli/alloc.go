// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/cli/attach"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/sys/tty"
	"goflux/jobid"
	"goflux/jobspec"
)

// newAlloc is flux alloc.
func newAlloc(a *app) *cobra.Command {
	s := &nestSubmission{}
	cmd := &cobra.Command{
		Use:   "alloc [COMMAND] [ARGS...]",
		Short: "allocate resources and start an instance on them",
		Args:  cobra.ArbitraryArgs,
	}
	fs := cmd.Flags()
	s.nestFlags(fs)
	fs.CountVarP(&s.verbose, "verbose", "v", "Say more on standard error (repeatable)")
	fs.BoolVar(&s.bg, "bg", false, "Do not attach; print the job's id when the instance is ready")
	for _, name := range []string{"input", "output", "error", "label-io"} {
		fs.Lookup(name).Hidden = true // they are not for this command
	}
	ownArgs(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.ArgsLenAtDash() == 0 {
			args = append([]string{"--"}, args...) // the brokers' options end there, too
		}
		return a.alloc(s, args)
	}
	return cmd
}

func (a *app) alloc(s *nestSubmission, args []string) error {
	if s.problem != nil {
		return badSubmission(s.problem)
	}
	n := s.args(args)
	if s.bg && len(args) == 0 {
		n.BrokerOptions = append(n.BrokerOptions, "-Sbroker.rc2_none=1")
	}
	j, err := n.AllocJobspec(a.jobSystem())
	if err != nil {
		return badSubmission(err)
	}
	// A pty that waits for somebody to attach would keep a job in the
	// background from ending.
	if pty := s.pty(); pty != "" {
		if err := j.SetAttr("attributes.system.shell.options.pty."+pty, []byte("1")); err != nil {
			return err
		}
	}
	return a.startAlloc(s, j)
}

func (s *nestSubmission) pty() string {
	switch {
	case s.bg:
		return "capture"
	case tty.IsTerminal(os.Stdin):
		return "interactive"
	}
	return ""
}

func (a *app) startAlloc(s *nestSubmission, j *jobspec.Jobspec) error {
	if s.dryRun {
		fmt.Fprintln(a.out, j)
		return nil
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	id, err := a.submitJob(h, &s.submission, j)
	if err != nil {
		return err
	}
	if s.bg {
		return a.allocBackground(h, id, s.verbose > 0)
	}
	if s.verbose > 0 {
		fmt.Fprintf(a.err, "jobid: %s\n", f58(id))
	}
	return a.attach(h, attach.Defaults(id, f58(id)))
}

// allocBackground waits until the instance is ready. Ctrl-C cancels the job.
func (a *app) allocBackground(h *flux.Client, id jobid.ID, verbose bool) error {
	ctx, stop := signal.NotifyContext(a.ctx, os.Interrupt)
	defer stop()
	err := a.waitInstance(ctx, h, id, verbose)
	if ctx.Err() != nil && a.ctx.Err() == nil {
		fmt.Fprintf(a.err, "\r%s: Interrupt: canceling job\n", f58(id))
		if call, err := sendCancel(h, id, ""); err == nil {
			_ = call.Get(a.ctx, nil) // it may have ended meanwhile
		}
		return exitStatus(1)
	}
	if err == nil {
		fmt.Fprintln(a.out, f58(id))
	}
	return err
}

// waitInstance waits for the job's memo of where its instance is, and then for
// that to be ready.
func (a *app) waitInstance(ctx context.Context, h *flux.Client, id jobid.ID, verbose bool) error {
	var zero float64
	say := func(timestamp float64, text string) {
		if verbose {
			fmt.Fprintf(a.err, "%s: %6.3fs: %s\n", f58(id), timestamp-zero, text)
		}
	}
	say(0, "waiting for resources")
	call, err := attach.OpenLog(h, id, mainLogPath, 0)
	if err != nil {
		return err
	}
	for {
		e, err := attach.NextEntry(ctx, call)
		if errors.Is(err, io.EOF) {
			return a.allocFailed(h, id)
		}
		if err != nil {
			return err
		}
		if zero == 0 {
			zero = e.Timestamp
		}
		var memo struct {
			URI string `json:"uri"`
		}
		switch {
		case e.Name == "alloc":
			say(e.Timestamp, "resources allocated")
		case e.Name == "memo" && e.UnmarshalContext(&memo) == nil && memo.URI != "":
			say(e.Timestamp, "waiting for instance")
			if err := a.waitReady(ctx, id, memo.URI); err != nil {
				return err
			}
			say(float64(time.Now().UnixNano())/1e9, "ready")
			return nil
		}
	}
}

// waitReady waits until the instance at uri has run its start scripts.
func (a *app) waitReady(ctx context.Context, id jobid.ID, uri string) error {
	child, err := flux.Open(ctx, jobinfo.LocalURI(uri))
	if err != nil {
		return fail("Unable to connect to %s: %v", f58(id), err)
	}
	defer child.Close()
	if err := child.RPC(ctx, "state-machine.wait", flux.NodeAny, nil, nil); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fail("%s: instance startup failed", f58(id))
	}
	return nil
}

// allocFailed shows what the job had to say, on standard error.
func (a *app) allocFailed(h *flux.Client, id jobid.ID) error {
	a.flush()
	a.out.Reset(os.Stderr)
	o := attach.Defaults(id, f58(id))
	o.ReadOnly = true
	_, _ = attach.Run(a.ctx, h, o, attach.Streams{In: os.Stdin, Out: a.out, Err: os.Stderr})
	a.flush()
	return fail("%s: unexpectedly exited", f58(id))
}
