// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goflux/eventlog"
	"goflux/flux"
	"goflux/internal/rpc"
	"goflux/internal/sys/squeue"
)

const (
	// slurmPoll is how often Slurm is asked, in seconds, unless told otherwise.
	slurmPoll = 60.0
	// slurmJitter is what an expiration may differ by and still be the same.
	slurmJitter = 5.0
	// definePatience bounds the wait for the instance to have resources.
	definePatience = 5 * time.Second
)

// newSlurmExpirationSync is flux slurm-expiration-sync: the instance's
// resources end when the Slurm job does that it runs in. rc1 starts it.
func newSlurmExpirationSync(a *app) *cobra.Command {
	var job string
	var poll float64
	var verbose bool
	cmd := &cobra.Command{
		Use: "slurm-expiration-sync", Short: "have the instance end with its Slurm job", Args: a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			id, err := strconv.Atoi(job)
			if err != nil || poll <= 0 {
				return fail("Invalid or missing --jobid")
			}
			ctx, stop := signal.NotifyContext(a.ctx, syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			err = a.syncSlurm(ctx, id, time.Duration(poll*float64(time.Second)), verbose)
			if ctx.Err() != nil { // told to end
				return nil
			}
			return err
		},
	}
	fs := cmd.Flags()
	fs.Float64Var(&poll, "poll-interval", slurmPoll, "Ask Slurm every `SECONDS`")
	fs.StringVarP(&job, "jobid", "j", "", "Follow the Slurm job `JOBID`")
	fs.BoolVarP(&verbose, "verbose", "v", false, "Tell of each change")
	return cmd
}

// syncSlurm follows a Slurm job until ctx ends.
func (a *app) syncSlurm(ctx context.Context, job int, poll time.Duration, verbose bool) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	// Slurm takes its time to answer: ask it first, then be quick.
	now, err := slurmExpiration(ctx, job)
	if err == nil {
		err = a.resourcesDefined(ctx, h)
	}
	if err != nil {
		return err
	}
	last := math.NaN() // which nothing is near
	for {
		if !(math.Abs(now-last) <= slurmJitter) {
			last = now
			if err := h.RPC(ctx, "resource.expiration-update", 0, rpc.ResourceExpiration{Expiration: &now}, nil); err != nil {
				a.warnf("resource.expiration-update: %v", err)
			} else if verbose {
				fmt.Fprintf(a.err, "flux-%s: DEBUG: expiration updated to %.3f\n", a.name, now)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-h.Done():
			return nil
		case <-time.After(poll):
		}
		if next, err := slurmExpiration(ctx, job); err == nil {
			now = next
		} else { // Slurm may be there again next time
			a.warnf("%v", err)
		}
	}
}

// slurmExpiration is when a Slurm job ends, in seconds since the epoch; 0 for
// one without end.
func slurmExpiration(ctx context.Context, job int) (float64, error) {
	left, limited, err := squeue.TimeLeft(ctx, job)
	if err != nil || !limited {
		return 0, err
	}
	return float64(time.Now().Add(left).UnixMilli()) / 1000, nil
}

// resourcesDefined waits until the instance knows its resources.
func (a *app) resourcesDefined(ctx context.Context, h *flux.Client) error {
	ctx, cancel := context.WithTimeout(ctx, definePatience)
	defer cancel()
	err := a.resourceEvents(ctx, h, true, func(e eventlog.Entry) bool { return e.Name != "resource-define" })
	if errors.Is(err, context.DeadlineExceeded) {
		return fail("Timed out waiting for resource-define event")
	}
	return err
}
