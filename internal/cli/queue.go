// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/rpc"
)

// newQueue is flux queue.
func newQueue(a *app) *cobra.Command {
	cmd := a.group("queue COMMAND", "look at and control queues")
	cmd.AddCommand(a.queueList(), a.queueStatus(), a.queueEnable("enable", true), a.queueEnable("disable", false),
		a.queueStart("start", true), a.queueStart("stop", false), a.queueDrain(), a.queueIdle())
	return cmd
}

// queueOptions are the options of the commands that take a queue.
type queueOptions struct {
	old, message                      string
	all, quiet, verbose, nocheckpoint bool
}

// queueCommand makes a command of an optional queue, which can be given by the
// old option -q as well.
func (a *app) queueCommand(name, short string, o *queueOptions, run func(queue string) error) *cobra.Command {
	cmd := &cobra.Command{Use: name + " [QUEUE]", Short: short, Args: a.operands(0, 1)}
	cmd.Flags().StringVarP(&o.old, "queue", "q", "", "")
	_ = cmd.Flags().MarkHidden("queue")
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "Tell more of the job manager's state")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		queue := o.old
		if len(args) > 0 {
			if queue != "" {
				return fail("Conflicting queues specified as --queue=%s and %s", queue, args[0])
			}
			queue = args[0]
		}
		return run(queue)
	}
	return cmd
}

func (o *queueOptions) changing(cmd *cobra.Command, stopping bool, done string) {
	fs := cmd.Flags()
	fs.BoolVarP(&o.all, "all", "a", false, "Act on all queues if none is given")
	fs.BoolVar(&o.quiet, "quiet", false, "Print only errors")
	if stopping {
		fs.BoolVar(&o.nocheckpoint, "nocheckpoint", false, "Forget at a restart that the queue has been "+done)
		fs.StringVarP(&o.message, "message", "m", "", "Tell users why the queue is "+done+" (`REASON`)")
	}
}

// fetchQueueState asks for the state of a queue, "" for the nameless one.
func (a *app) fetchQueueState(h *flux.Client, queue string) (rpc.QueueStatus, error) {
	var s rpc.QueueStatus
	if err := h.RPC(a.ctx, "job-manager.queue-status", 0, rpc.QueueName{Name: queue}, &s); err != nil {
		return s, fail("status: %v", err)
	}
	return s, nil
}

// queueNames are the named queues, none if there is only the nameless one.
func (a *app) queueNames(h *flux.Client) ([]string, error) {
	var list rpc.QueueList
	if err := h.RPC(a.ctx, "job-manager.queue-list", 0, nil, &list); err != nil {
		return nil, fail("list: %v", err)
	}
	return list.Queues, nil
}

// Lines about a queue.
const (
	enableLine = 1 << iota
	startLine
)

// printQueues prints lines about a queue, or all if none or verbose.
func (a *app) printQueues(h *flux.Client, queue string, o *queueOptions, lines int) error {
	names, err := a.queueNames(h)
	if err != nil {
		return err
	}
	if len(names) == 0 || queue != "" && !o.verbose {
		names = []string{queue}
	}
	for _, name := range names {
		s, err := a.fetchQueueState(h, name)
		if err != nil {
			return err
		}
		prefix := ""
		if name != "" {
			prefix = name + ": "
		}
		if lines&enableLine != 0 {
			fmt.Fprintln(a.out, prefix+enableText(s))
		}
		if lines&startLine != 0 {
			fmt.Fprintln(a.out, prefix+startText(s))
		}
	}
	if o.verbose && lines&startLine != 0 {
		return a.printAllocations(h)
	}
	return nil
}

func enableText(s rpc.QueueStatus) string {
	if s.Enable {
		return "Job submission is enabled"
	}
	return "Job submission is disabled: " + s.DisableReason
}

func startText(s rpc.QueueStatus) string {
	switch {
	case s.Start:
		return "Scheduling is started"
	case s.StopReason != "":
		return "Scheduling is stopped: " + s.StopReason
	}
	return "Scheduling is stopped"
}

// printAllocations prints how many jobs wait for the scheduler and run.
func (a *app) printAllocations(h *flux.Client) error {
	var q rpc.AllocQuery
	if err := h.RPC(a.ctx, "job-manager.alloc-query", flux.NodeAny, nil, &q); err != nil {
		return fail("alloc-query: %v", err)
	}
	fmt.Fprintf(a.out, "%d alloc requests queued\n%d alloc requests pending to scheduler\n%d running jobs\n", q.QueueLength, q.AllocPending, q.Running)
	return nil
}

func (a *app) queueStatus() *cobra.Command {
	o := new(queueOptions)
	return a.queueCommand("status", "tell whether queues accept and schedule jobs", o, func(queue string) error {
		h, err := a.open()
		if err != nil {
			return err
		}
		return a.printQueues(h, queue, o, enableLine|startLine)
	})
}

// queueEnable is enable or disable.
func (a *app) queueEnable(name string, enable bool) *cobra.Command {
	o := new(queueOptions)
	short := "accept jobs"
	if !enable {
		short = "accept no more jobs"
	}
	cmd := a.queueCommand(name, short, o, func(queue string) error {
		req := rpc.QueueEnable{Name: queue, All: o.all, Enable: enable, Reason: o.message}
		if !enable && o.message == "" {
			req.Reason = "disabled by administrator"
		}
		h, err := a.open()
		if err != nil {
			return err
		}
		if err := h.RPC(a.ctx, "job-manager.queue-enable", 0, req, nil); err != nil {
			return fail("enable: %v", err)
		}
		if o.quiet {
			return nil
		}
		return a.printQueues(h, queue, o, enableLine)
	})
	o.changing(cmd, !enable, "disabled")
	return cmd
}

// queueStart is start or stop.
func (a *app) queueStart(name string, start bool) *cobra.Command {
	o := new(queueOptions)
	short := "schedule jobs"
	if !start {
		short = "schedule no more jobs"
	}
	cmd := a.queueCommand(name, short, o, func(queue string) error {
		h, err := a.open()
		if err != nil {
			return err
		}
		if queue == "" && !o.all {
			names, err := a.queueNames(h)
			if err != nil {
				return err
			}
			if len(names) > 0 {
				return fail("Named queues are defined. Specify queues or use --all.")
			}
		}
		req := rpc.QueueStart{Name: queue, All: o.all, Start: start, NoCheckpoint: o.nocheckpoint, Reason: o.message}
		if err := h.RPC(a.ctx, "job-manager.queue-start", 0, req, nil); err != nil {
			return fail("start: %v", err)
		}
		if o.quiet {
			return nil
		}
		return a.printQueues(h, queue, o, startLine)
	})
	o.changing(cmd, !start, "stopped")
	return cmd
}

func (a *app) queueDrain() *cobra.Command {
	var timeout string
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "wait until no job is active",
		Args:  a.operands(0, 0),
		RunE:  func(*cobra.Command, []string) error { return a.waitQueue("drain", timeout, nil) },
	}
	cmd.Flags().StringVarP(&timeout, "timeout", "t", "", "Wait no longer than `DURATION`")
	return cmd
}

func (a *app) queueIdle() *cobra.Command {
	var timeout string
	var quiet bool
	cmd := &cobra.Command{
		Use:   "idle",
		Short: "wait until no job runs, and print how many are pending",
		Args:  a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			var resp rpc.Pending
			if err := a.waitQueue("idle", timeout, &resp); err != nil {
				return err
			}
			if !quiet || resp.Pending > 0 {
				fmt.Fprintf(a.out, "%d jobs\n", resp.Pending)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&timeout, "timeout", "t", "", "Wait no longer than `DURATION`")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "Print only if jobs are pending")
	return cmd
}

// waitQueue waits for the answer to a request that may take long.
func (a *app) waitQueue(method, timeout string, resp any) error {
	ctx, cancel, err := a.withTimeout(timeout)
	if err != nil {
		return err
	}
	defer cancel()
	h, err := a.open()
	if err != nil {
		return err
	}
	err = h.RPC(ctx, "job-manager."+method, flux.NodeAny, nil, resp)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fail("%s: timeout", method)
	case err != nil:
		return fail("%s: %v", method, err)
	}
	return nil
}
