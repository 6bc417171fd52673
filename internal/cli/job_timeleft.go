// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"math"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/fsd"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// jobTimeleft is flux job timeleft.
func (a *app) jobTimeleft() *cobra.Command {
	var human bool
	cmd := &cobra.Command{
		Use: "timeleft [JOBID]", Short: "print how many seconds a job or this instance has left",
		Args: a.usageOperands(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			name := os.Getenv("FLUX_JOB_ID")
			if len(args) > 0 {
				name = args[0]
			}
			expiration, err := a.expiration(h, name)
			if err != nil {
				return err
			}
			left := math.Inf(1)
			if expiration != 0 {
				left = max(expiration-float64(time.Now().UnixNano())/1e9, 0)
			}
			if human {
				fmt.Fprintln(a.out, fsd.Format(left))
			} else {
				fmt.Fprintln(a.out, wholeSeconds(left))
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&human, "human", "H", false, "Print a duration with its unit")
	return cmd
}

// wholeSeconds rounds down, but what is not over has a second left. Infinity
// is the largest 32-bit number.
func wholeSeconds(left float64) uint32 {
	switch {
	case left >= math.MaxUint32:
		return math.MaxUint32
	case left > 0 && left < 1:
		return 1
	}
	return uint32(left)
}

// expiration is when a job, or without a name this instance, runs out of time;
// 0 is never.
func (a *app) expiration(h *flux.Client, name string) (float64, error) {
	if name == "" {
		var resp struct {
			R struct {
				Execution struct {
					Expiration float64 `json:"expiration"`
				} `json:"execution"`
			} `json:"R"`
		}
		if err := h.RPC(a.ctx, "resource.status", 0, nil, &resp); err != nil {
			return 0, fail("failed to get instance expiration: %v", err)
		}
		return resp.R.Execution.Expiration, nil
	}
	id, err := jobid.Parse(name)
	if err != nil {
		return 0, fail("failed to parse jobid %s", name)
	}
	var resp struct {
		Job struct {
			State      int     `json:"state"`
			Expiration float64 `json:"expiration"`
		} `json:"job"`
	}
	req := rpc.JobListID{ID: id, Attrs: []string{"expiration", "state"}}
	if err := h.RPC(a.ctx, "job-list.list-id", flux.NodeAny, req, &resp); err != nil {
		if errors.Is(err, syscall.ENOENT) {
			return 0, fail("%s: no such jobid", name)
		}
		return 0, fail("%s: %v", name, err)
	}
	switch {
	case resp.Job.State&jobinfo.StatePending != 0:
		return 0, fail("job %s has not started", name)
	case resp.Job.State != jobinfo.StateRun:
		return 1, nil // long ago
	}
	return resp.Job.Expiration, nil
}
