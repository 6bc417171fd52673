// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"syscall"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sign"
	"goflux/jobid"
)

// eachJob calls fn for every job that the instance keeps apart from the KVS,
// which flux-core's do not. A job that ends meanwhile is told of once.
func (a *app) eachJob(h *flux.Client, brief bool, fn func(rpc.ContentJob) error) error {
	seen := map[jobid.ID]bool{}
	for _, of := range []string{"active", "put", "ended"} {
		var last jobid.ID
		for {
			var page rpc.ContentJobs
			req := rpc.ContentJobsGet{Of: of, After: last, Brief: brief}
			if err := h.RPC(a.ctx, "content.jobs-get", 0, req, &page); errors.Is(err, syscall.ENOSYS) {
				return nil
			} else if err != nil {
				return fail("error reading jobs: %v", err)
			}
			if len(page.Jobs) == 0 {
				break
			}
			for _, j := range page.Jobs {
				last = j.ID
				if seen[j.ID] {
					continue
				}
				if of != "ended" {
					seen[j.ID] = true
				}
				if err := fn(j); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// jobKey takes a KVS key apart that is below a job's directory, or is it: then
// there is no rest.
func jobKey(key string) (id jobid.ID, dir, rest string) {
	const parts = 5 // job and four of the id
	list := strings.SplitN(key, ".", parts+1)
	if len(list) < parts || list[0] != "job" {
		return 0, "", key
	}
	dir = strings.Join(list[:parts], ".")
	id, err := jobid.Parse(strings.TrimPrefix(dir, "job."))
	if err != nil {
		return 0, "", key
	}
	if len(list) > parts {
		rest = list[parts]
	}
	return id, dir, rest
}

// jobCheckpointPath is where flux-core has what the job manager keeps besides jobs.
const jobCheckpointPath = "checkpoint/job-manager"

// jobCheckpoint writes that, unless the tree has it.
func (d *dumper) jobCheckpoint() error {
	if d.inTree[jobCheckpointPath] {
		return nil
	}
	var resp rpc.ContentJobs
	err := d.h.RPC(d.ctx, "content.jobs-get", 0, rpc.ContentJobsGet{Of: "manager"}, &resp)
	switch {
	case errors.Is(err, syscall.ENOSYS) || err == nil && resp.Manager == nil:
		return nil
	case err != nil:
		return fail("error reading the job manager's checkpoint: %v", err)
	}
	b, err := message.Marshal(resp.Manager)
	if err != nil {
		return err
	}
	return d.value(jobCheckpointPath, b)
}

// job writes a job as flux-core has it in the KVS (RFC 16).
func (d *dumper) job(j rpc.ContentJob) error {
	dir := j.ID.KVS()
	if d.inTree[dir] {
		return nil
	}
	if j.Damage != "" {
		if err := d.unreadable(fail("job %s: %s", j.ID, j.Damage)); err != nil {
			return err
		}
	}
	if j.Keys["J"] == nil && j.Keys["jobspec"] != nil {
		j.Keys["J"] = []byte(sign.None(j.UserID, j.Keys["jobspec"])) // which is why it is not kept
	}
	base := strings.ReplaceAll(dir, ".", "/") + "/"
	for _, key := range slices.Sorted(maps.Keys(j.Keys)) {
		if err := d.value(base+strings.ReplaceAll(key, ".", "/"), j.Keys[key]); err != nil {
			return err
		}
	}
	if j.Guest == "" {
		return nil
	}
	guest := map[string][]byte{}
	for key, data := range j.Keys {
		if name, ok := strings.CutPrefix(key, "guest."); ok {
			guest[name] = data
		}
	}
	return d.tree(dir+".guest", j.Guest, guest)
}
