// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/fsd"
	"goflux/internal/rpc"
)

// purgeBatch is how many jobs a request purges.
const purgeBatch = 50

// jobPurge is flux job purge.
func (a *app) jobPurge() *cobra.Command {
	var age string
	req := rpc.JobPurge{AgeLimit: -1}
	cmd := &cobra.Command{
		Use: "purge [JOBID...]", Short: "forget inactive jobs, the oldest first",
		Args: a.usageOperands(0, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			if age != "" {
				seconds, err := fsd.ParseSeconds(age)
				if err != nil {
					return fail("--age-limit: %v", err)
				}
				req.AgeLimit = seconds
			}
			h, err := a.open()
			if err != nil {
				return err
			}
			purge := func() (int, error) { return a.purgeOldest(h, req) }
			if len(args) > 0 {
				purge = func() (int, error) { return a.purgeJobs(h, args, req.Force) }
			}
			n, err := purge()
			if err != nil {
				return err
			}
			return a.reportPurge(h, n, req.Force)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&age, "age-limit", "", "Purge jobs that ended longer ago than `FSD`")
	fs.IntVar(&req.NumLimit, "num-limit", -1, "Purge the oldest jobs until `COUNT` are left")
	fs.BoolVarP(&req.Force, "force", "f", false, "Do it")
	fs.IntVar(&req.Batch, "batch", purgeBatch, "Purge at most `COUNT` jobs a request")
	return cmd
}

func (a *app) purgeOldest(h *flux.Client, req rpc.JobPurge) (total int, err error) {
	for {
		var n rpc.Count
		if err := h.RPC(a.ctx, "job-manager.purge", 0, req, &n); err != nil {
			return 0, fail("purge: %v", err)
		}
		total += n.Count
		if !req.Force || n.Count != req.Batch {
			return total, nil
		}
	}
}

func (a *app) purgeJobs(h *flux.Client, args []string, force bool) (total int, err error) {
	ids, rest := parseJobIDs(args)
	if len(rest) > 0 {
		return 0, fail("error parsing jobid: \"%s\"", rest[0])
	}
	req := rpc.JobPurgeID{}
	if force {
		req.Force = 1
	}
	calls := make([]*flux.Call, len(ids))
	for i, id := range ids {
		req.ID = id
		if calls[i], err = h.Go("job-manager.purge-id", 0, req); err != nil {
			return 0, err
		}
	}
	for _, call := range calls {
		var n rpc.Count
		if err := call.Get(a.ctx, &n); err != nil {
			return 0, fail("purge: %v", err)
		}
		total += n.Count
	}
	return total, nil
}

func (a *app) reportPurge(h *flux.Client, n int, force bool) error {
	var stats struct {
		Inactive int `json:"inactive_jobs"`
	}
	if err := h.RPC(a.ctx, "job-manager.stats-get", 0, nil, &stats); err != nil {
		return fail("purge: failed to fetch inactive job count: %v", err)
	}
	if force {
		fmt.Fprintf(a.out, "purged %d inactive jobs, %d remaining\n", n, stats.Inactive)
	} else {
		fmt.Fprintf(a.out, "use --force to purge %d of %d inactive jobs\n", n, stats.Inactive)
	}
	return nil
}
