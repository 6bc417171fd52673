// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/eventlog"
	"goflux/flux"
	"goflux/internal/cli/attach"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// jobResult is how a job ended, as its event log tells.
type jobResult struct {
	ID                jobid.ID `json:"id"`
	Exception         bool     `json:"exception_occurred"`
	TSubmit           float64  `json:"t_submit,omitzero"`
	TRun              float64  `json:"t_run,omitzero"`
	TCleanup          float64  `json:"t_cleanup,omitzero"`
	WaitStatus        *int     `json:"waitstatus,omitempty"`
	ExceptionType     string   `json:"exception_type,omitzero"`
	ExceptionNote     *string  `json:"exception_note,omitempty"`
	ExceptionSeverity *int     `json:"exception_severity,omitempty"`
	Result            int      `json:"result"`
}

// event takes note of an event.
func (r *jobResult) event(e eventlog.Entry) error {
	switch e.Name {
	case "submit":
		r.TSubmit = e.Timestamp
	case "alloc":
		r.TRun = e.Timestamp
	case "finish":
		r.TCleanup = e.Timestamp
		var f struct {
			Status *int `json:"status"`
		}
		if err := e.UnmarshalContext(&f); err != nil {
			return err
		}
		r.WaitStatus = f.Status
	case "exception":
		return r.exception(e)
	}
	return nil
}

// exception keeps the most severe one.
func (r *jobResult) exception(e eventlog.Entry) error {
	var x struct {
		Type     string `json:"type"`
		Severity int    `json:"severity"`
		Note     string `json:"note"`
	}
	if err := e.UnmarshalContext(&x); err != nil {
		return err
	}
	if r.Exception && *r.ExceptionSeverity > 0 && *r.ExceptionSeverity < x.Severity {
		return nil
	}
	r.Exception, r.ExceptionType, r.ExceptionNote, r.ExceptionSeverity = true, x.Type, &x.Note, &x.Severity
	return nil
}

// end works out the result.
func (r *jobResult) end() {
	switch {
	case r.TRun > 0 && r.WaitStatus != nil && *r.WaitStatus == 0:
		r.Result = jobinfo.ResultCompleted
	case r.Exception && r.ExceptionType == "cancel":
		r.Result = jobinfo.ResultCanceled
	case r.Exception && r.ExceptionType == "timeout":
		r.Result = jobinfo.ResultTimeout
	default:
		r.Result = jobinfo.ResultFailed
	}
}

// fatal tells whether an exception ended the job.
func (r *jobResult) fatal() bool { return r.Exception && *r.ExceptionSeverity == 0 }

// waitResult waits for the end of a job whose event log is being followed.
func (a *app) waitResult(id jobid.ID, call *flux.Call) (*jobResult, error) {
	r := &jobResult{ID: id}
	for {
		e, err := attach.NextEntry(a.ctx, call)
		if errors.Is(err, io.EOF) {
			r.end()
			return r, nil
		}
		if err == nil {
			err = r.event(e)
		}
		if err != nil {
			return nil, err
		}
	}
}

// jobStatus is flux job status.
func (a *app) jobStatus() *cobra.Command {
	var verbose, exception int
	var json bool
	cmd := &cobra.Command{
		Use: "status JOBID...", Short: "wait for jobs to end and exit with the largest exit status",
		Args: a.usageOperands(1, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			results, err := a.results(args, verbose)
			if err != nil {
				return err
			}
			exit := 0
			for i, r := range results {
				if json {
					text, err := message.Marshal(r)
					if err != nil {
						return err
					}
					fmt.Fprintf(a.out, "%s\n", text)
				}
				exit = max(exit, a.reportResult(args[i], r, verbose))
				if r.fatal() {
					exit = max(exit, exception)
				}
			}
			return exitStatus(exit)
		},
	}
	fs := cmd.Flags()
	fs.CountVarP(&verbose, "verbose", "v", "Say more")
	fs.IntVarP(&exception, "exception-exit-code", "e", 1, "Exit with `N` for jobs that an exception alone ended")
	fs.BoolVarP(&json, "json", "j", false, "Print what is known about each job's end as JSON")
	return cmd
}

// results waits for all jobs.
func (a *app) results(args []string, verbose int) ([]*jobResult, error) {
	ids, rest := parseJobIDs(args)
	if len(rest) > 0 {
		return nil, fail("error parsing jobid: \"%s\"", rest[0])
	}
	h, err := a.open()
	if err != nil {
		return nil, err
	}
	calls := make([]*flux.Call, len(ids))
	for i, id := range ids {
		if calls[i], err = attach.OpenLog(h, id, mainLogPath, 0); err != nil {
			return nil, err
		}
	}
	if verbose > 0 && len(ids) > 1 {
		a.warnf("fetching status for %d jobs", len(ids))
	}
	results := make([]*jobResult, len(ids))
	for i, id := range ids {
		if results[i], err = a.waitResult(id, calls[i]); err != nil {
			if errors.Is(err, syscall.ENOENT) {
				return nil, fail("%s: No such job", args[i])
			}
			return nil, fail("%s: %v", args[i], err)
		}
	}
	if verbose > 0 && len(ids) > 1 {
		a.warnf("all done.")
	}
	return results, nil
}

// reportResult tells about a job and returns its exit status.
func (a *app) reportResult(name string, r *jobResult, verbose int) int {
	exit, signaled := 0, false
	if r.WaitStatus != nil {
		exit, _ = attach.ExitStatus(*r.WaitStatus)
		signaled = syscall.WaitStatus(*r.WaitStatus).Signaled()
	}
	switch {
	case verbose == 0:
	case signaled:
		a.warnf("%s: job shell died by signal %d", name, exit-128)
	case verbose == 1 && exit == 0:
	case r.fatal():
		a.warnf("%s: exception type=%s", name, r.ExceptionType)
	default:
		a.warnf("%s: exited with exit code %d", name, exit)
	}
	return exit
}

// jobWait is flux job wait.
func (a *app) jobWait() *cobra.Command {
	var all, verbose bool
	cmd := &cobra.Command{
		Use: "wait [--all] [JOBID]", Short: "wait for waitable jobs to end",
		Args: a.usageOperands(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			id := rpc.JobIDAny
			if len(args) > 0 {
				var err error
				if id, err = parseJobID(args[0]); err != nil {
					return err
				}
				if all {
					return fail("jobid not supported with --all")
				}
			}
			h, err := a.open()
			if err != nil {
				return err
			}
			if all {
				return a.waitAll(h, verbose)
			}
			return a.waitOne(h, id)
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "Wait for all waitable jobs")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "Tell about jobs that succeeded, too")
	return cmd
}

// noMoreJobs is the exit status of flux job wait when there is nothing to wait
// for.
const noMoreJobs = 2

func (a *app) waitOne(h *flux.Client, id jobid.ID) error {
	var w rpc.JobWaited
	err := h.RPC(a.ctx, "job-manager.wait", flux.NodeAny, rpc.JobWait{ID: id}, &w)
	switch {
	case errors.Is(err, syscall.ECHILD):
		return failStatus(noMoreJobs, "%v", err)
	case err != nil:
		return err
	}
	if id == rpc.JobIDAny {
		fmt.Fprintln(a.out, f58(w.ID))
	}
	if !w.Success {
		return fail("%s", w.Errstr)
	}
	return nil
}

func (a *app) waitAll(h *flux.Client, verbose bool) error {
	failed := false
	for {
		var w rpc.JobWaited
		err := h.RPC(a.ctx, "job-manager.wait", flux.NodeAny, rpc.JobWait{ID: rpc.JobIDAny}, &w)
		switch {
		case errors.Is(err, syscall.ECHILD) && failed:
			return exitStatus(1)
		case errors.Is(err, syscall.ECHILD):
			return nil
		case err != nil:
			return err
		case !w.Success:
			failed = true
			fmt.Fprintf(a.err, "%s: %s\n", f58(w.ID), w.Errstr)
		case verbose:
			fmt.Fprintf(a.err, "%s: job completed successfully\n", f58(w.ID))
		}
	}
}
