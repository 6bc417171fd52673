// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"

	"goflux/flux"
	"goflux/internal/kvstree"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/jobid"
	"goflux/treeobj"
)

// jobRestorer brings the jobs of an archive to where the instance keeps jobs,
// which is not the KVS.
type jobRestorer struct {
	h      *flux.Client
	batch  map[jobid.ID]map[string][]byte // not yet sent
	size   int
	guests map[jobid.ID]*kvstree.Tree // what else the jobs left behind
}

// putBytes is about how much is sent at once.
const putBytes = 1 << 20

// newJobRestorer returns nil for an instance that keeps jobs in the KVS.
func (a *app) newJobRestorer(h *flux.Client) (*jobRestorer, error) {
	err := h.RPC(a.ctx, "content.jobs-put", 0, rpc.ContentJobsPut{Jobs: []rpc.ContentJob{}}, nil)
	switch {
	case errors.Is(err, syscall.ENOSYS):
		return nil, nil
	case err != nil:
		return nil, fail("error restoring jobs: %v", err)
	}
	return &jobRestorer{
		h: h, batch: map[jobid.ID]map[string][]byte{}, guests: map[jobid.ID]*kvstree.Tree{},
	}, nil
}

// jobRecords are the keys of a job's directory that make the job.
var jobRecords = []string{"J", "R", "eventlog", "jobspec"}

// value takes a job's records and streams. taken is false for all else.
func (r *jobRestorer) value(ctx context.Context, key []string, data []byte) (taken bool, err error) {
	path := strings.Join(key, "/")
	if path == jobCheckpointPath {
		return true, r.checkpoint(ctx, data)
	}
	id, _, rest := jobKey(strings.Join(key, "."))
	if id == 0 {
		return false, notJob(key)
	}
	stream, guest := strings.CutPrefix(rest, "guest.")
	if guest && stream != "exec.eventlog" && strings.Contains(stream, ".") || !guest && !slices.Contains(jobRecords, rest) {
		return false, nil
	}
	if r.batch[id] == nil {
		r.batch[id] = map[string][]byte{}
	}
	r.batch[id][rest] = data
	if r.size += len(data); r.size < putBytes {
		return true, nil
	}
	return true, r.send(ctx)
}

// checkpoint hands on what the job manager kept besides jobs.
func (r *jobRestorer) checkpoint(ctx context.Context, data []byte) error {
	req := rpc.ContentJobsPut{Jobs: []rpc.ContentJob{}, Manager: &rpc.JobCheckpoint{}}
	if err := message.Unmarshal(data, req.Manager); err != nil {
		return fail("%s: %v", jobCheckpointPath, err)
	}
	if err := r.h.RPC(ctx, "content.jobs-put", 0, req, nil); err != nil {
		return fail("error restoring the job manager's checkpoint: %v", err)
	}
	return nil
}

// notJob refuses a record of a job whose directory's name is no job id: it
// would not be found again.
func notJob(key []string) error {
	const parts = 6 // job, four of the id, the record
	if len(key) == parts && key[0] == "job" && slices.Contains(jobRecords, key[parts-1]) {
		return fail("%s: not a job id", strings.Join(key[:parts-1], "/"))
	}
	return nil
}

// object takes what else is in a job's guest directory.
func (r *jobRestorer) object(ctx context.Context, key []string, obj treeobj.Object) (taken bool, err error) {
	id, _, rest := jobKey(strings.Join(key, "."))
	name, guest := strings.CutPrefix(rest, "guest.")
	if id == 0 || !guest {
		return false, nil
	}
	if r.guests[id] == nil {
		r.guests[id] = kvstree.NewTree()
	}
	if err := r.guests[id].Put(ctx, strings.Split(name, "."), obj); err != nil {
		return true, fail("%s: %v", strings.Join(key, "."), err)
	}
	return true, nil
}

// finish sends what is left, when the blobs it refers to are stored.
func (r *jobRestorer) finish(ctx context.Context, w *kvstree.Writer) error {
	roots := map[jobid.ID]string{}
	for id, tree := range r.guests {
		ref, err := tree.Store(ctx, w)
		if err != nil {
			return fail("error storing blobs: %v", err)
		}
		roots[id] = ref
		if r.batch[id] == nil {
			r.batch[id] = map[string][]byte{}
		}
	}
	return r.sendWith(ctx, roots)
}

func (r *jobRestorer) send(ctx context.Context) error { return r.sendWith(ctx, nil) }

func (r *jobRestorer) sendWith(ctx context.Context, roots map[jobid.ID]string) error {
	req := rpc.ContentJobsPut{Jobs: make([]rpc.ContentJob, 0, len(r.batch))}
	for id, keys := range r.batch {
		req.Jobs = append(req.Jobs, rpc.ContentJob{ID: id, Keys: keys, Guest: roots[id]})
	}
	clear(r.batch)
	r.size = 0
	if err := r.h.RPC(ctx, "content.jobs-put", 0, req, nil); err != nil {
		return fail("error restoring jobs: %v", err)
	}
	return nil
}
