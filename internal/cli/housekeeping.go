// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"cmp"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/hostlist"
	"goflux/idset"
	"goflux/internal/cli/outfmt"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// newHousekeeping is flux housekeeping: what a site runs on nodes between jobs.
func newHousekeeping(a *app) *cobra.Command {
	cmd := a.group("housekeeping COMMAND", "list and signal what cleans up after jobs")
	cmd.AddCommand(a.housekeepingList(), a.housekeepingKill())
	return cmd
}

var housekeepingFormats = []outfmt.Named{
	{Name: "default", Description: "Default flux-housekeeping format string",
		Format: "{id.f58:>12} {nnodes:>6} {pending.nnodes:>7} {runtime!F:>8} {nodelist}"},
	{Name: "pending", Description: "flux-housekeeping format string including active nodes only",
		Format: "{id.f58:>12} {pending.nnodes:>7} {runtime!F:>8} {pending.nodelist}"},
}

// housekeepingHeadings are the fields and their columns' headings.
func housekeepingHeadings() map[string]string {
	h := map[string]string{
		"id": "JOBID", "t_start": "T_START", "runtime": "RUNTIME", "ranks": "RANKS", "nodelist": "NODELIST", "nnodes": "NNODES",
		"allocated.ranks": "RANKS", "allocated.nodelist": "NODELIST", "allocated.nnodes": "NNODES",
		"pending.ranks": "ACTIVE_RANKS", "pending.nodelist": "ACTIVE_NODES", "pending.nnodes": "#ACTIVE",
	}
	for _, form := range []string{"dec", "hex", "f58", "f58plain", "emoji", "kvs", "words", "dothex"} {
		h["id."+form] = "JOBID"
	}
	return h
}

// housekeepingRow is a line of flux housekeeping list.
type housekeepingRow struct {
	id                 jobid.ID
	start, now         float64
	allocated, pending *idset.Set
	hosts              *hostlist.List
}

// Field implements outfmt.Item.
func (r *housekeepingRow) Field(name string) any {
	switch name {
	case "t_start":
		return r.start
	case "runtime":
		return r.now - r.start
	case "ranks", "allocated.ranks":
		return r.allocated.String()
	case "nodelist", "allocated.nodelist":
		return r.nodes(r.allocated)
	case "nnodes", "allocated.nnodes":
		return r.allocated.Len()
	case "pending.ranks":
		return r.pending.String()
	case "pending.nodelist":
		return r.nodes(r.pending)
	case "pending.nnodes":
		return r.pending.Len()
	case "id", "id.f58":
		return f58(r.id)
	}
	text, err := r.id.Encode(name[len("id."):])
	if err != nil {
		return ""
	}
	return text
}

func (r *housekeepingRow) nodes(ranks *idset.Set) string {
	list, err := r.hosts.Subset(ranks)
	if err != nil {
		return ""
	}
	return list.String()
}

func (a *app) housekeepingList() *cobra.Command {
	var v resourceView
	var include string
	cmd := &cobra.Command{
		Use: "list", Short: "list the jobs whose nodes are being cleaned", Args: a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error { return a.listHousekeeping(v, include) },
	}
	v.formatFlags(cmd)
	cmd.Flags().StringVarP(&include, "include", "i", "", "Show these nodes alone (`HOSTS|RANKS`)")
	return cmd
}

func (a *app) listHousekeeping(v resourceView, include string) error {
	set := outfmt.Set{Tool: "flux-housekeeping", Builtin: housekeepingFormats}
	f, done, err := a.chooseFormat(v, set, housekeepingHeadings())
	if err != nil || done {
		return err
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	hosts, err := a.instanceHosts()
	if err != nil {
		return err
	}
	var limit *idset.Set
	if include != "" {
		if limit, err = ranksOrHosts(include, hosts, false); err != nil {
			return err
		}
	}
	var stats struct {
		Housekeeping rpc.HousekeepingStats `json:"housekeeping"`
	}
	if err := h.RPC(a.ctx, "job-manager.stats-get", flux.NodeAny, nil, &stats); err != nil {
		return err
	}
	rows, err := housekeepingRows(stats.Housekeeping, hosts, limit)
	if err != nil {
		return err
	}
	except := []string{"nodelist", "ranks", "nnodes", "pending.nodelist", "pending.ranks", "pending.nnodes"}
	rows, err = outfmt.Merge(f, rows, except, func(into, from *housekeepingRow) {
		into.allocated, into.pending = into.allocated.Union(from.allocated), into.pending.Union(from.pending)
	})
	if err != nil {
		return err
	}
	return outfmt.Print(f, a.out, rows, outfmt.Options{NoHeader: v.noHeader})
}

// housekeepingRows are the jobs that hold some of the ranks in limit, nil for
// any, by id.
func housekeepingRows(stats rpc.HousekeepingStats, hosts *hostlist.List, limit *idset.Set) ([]*housekeepingRow, error) {
	now := float64(time.Now().UnixMicro()) / 1e6
	var rows []*housekeepingRow
	for id, job := range stats.Running {
		row := &housekeepingRow{start: job.TStart, now: now, hosts: hosts}
		var err error
		if row.id, err = jobid.Parse(id); err != nil {
			return nil, fail("job-manager.stats-get: %v", err)
		}
		if row.allocated, err = idset.Parse(job.Allocated); err != nil {
			return nil, fail("job-manager.stats-get: %v", err)
		}
		if row.pending, err = idset.Parse(job.Pending); err != nil {
			return nil, fail("job-manager.stats-get: %v", err)
		}
		if limit != nil {
			row.allocated, row.pending = row.allocated.Intersect(limit), row.pending.Intersect(limit)
		}
		if !row.allocated.Empty() {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(x, y *housekeepingRow) int { return cmp.Compare(x.id, y.id) })
	return rows, nil
}

// ranksOrHosts reads ranks (RFC 22), or hosts (RFC 29), all of whose ranks it
// returns. Hosts that the instance does not have are an error if strict.
func ranksOrHosts(text string, hosts *hostlist.List, strict bool) (*idset.Set, error) {
	if ranks, err := idset.Parse(text); err == nil {
		return ranks, nil
	}
	wanted, err := hostlist.Parse(text)
	if err != nil {
		return nil, fail("'%s' is neither an idset nor a hostlist", text)
	}
	ranks := idset.New()
	for rank, host := range hosts.Hosts() {
		if wanted.Contains(host) {
			ranks.Add(uint32(rank))
		}
	}
	for host := range wanted.All() {
		if strict && !hosts.Contains(host) {
			return nil, fail("didn't find %s in instance hostlist", host)
		}
	}
	return ranks, nil
}

func (a *app) housekeepingKill() *cobra.Command {
	var req rpc.HousekeepingKill
	var targets, job string
	var all bool
	cmd := &cobra.Command{
		Use: "kill", Short: "signal what cleans nodes", Args: a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			switch {
			case job == "" && targets == "" && !all:
				return fail("specify at least one of --targets, --jobid, or --all")
			case job != "" && all:
				return fail("do not specify --jobid with --all")
			}
			return a.killHousekeeping(req, targets, job)
		},
	}
	fs := cmd.Flags()
	fs.IntVarP(&req.Signum, "signal", "s", 15, "Send the signal `SIGNUM`")
	fs.StringVarP(&targets, "targets", "t", "", "Signal on these nodes alone (`RANKS|HOSTS`)")
	fs.StringVarP(&job, "jobid", "j", "", "Signal what cleans up after `JOBID`")
	fs.BoolVar(&all, "all", false, "Signal all that is running")
	return cmd
}

func (a *app) killHousekeeping(req rpc.HousekeepingKill, targets, job string) error {
	if job != "" {
		id, err := parseJobID(job)
		if err != nil {
			return err
		}
		req.ID = &id
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	if targets != "" {
		hosts, err := a.instanceHosts()
		if err != nil {
			return err
		}
		ranks, err := ranksOrHosts(targets, hosts, true)
		if err != nil {
			return err
		}
		text := ranks.String()
		req.Ranks = &text
	}
	return h.RPC(a.ctx, "job-manager.housekeeping-kill", flux.NodeAny, req, nil)
}
