// SPDX-License-Identifier: LGPL-3.0-or-later

package content

import (
	"context"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/store"
	"goflux/jobid"
)

// Jobs are records beside the content, not part of it. Who copies an instance's
// state, and who restores it, comes here for them, whether the job services are
// loaded or not.

// A page of jobs: how many, and about how many bytes.
const (
	pageJobs  = 500
	pageBytes = 4 << 20
)

// guestDir is the directory of RFC 16 for what a job's shell and tasks leave;
// execLog is the one stream whose key is not its name.
const (
	guestDir = "guest."
	execLog  = "guest.exec.eventlog"
)

// jobStore is the store, which only the leader has.
func (s *content) jobStore(c *service.Call) (*store.Store, bool) {
	var st *store.Store
	if s.leader {
		st, _ = s.h.Shared("store").(*store.Store)
	}
	if st == nil {
		c.Fail(message.Errorf(syscall.ENOSYS, "there is no job database on this broker"))
	}
	return st, st != nil
}

func (s *content) jobsGet(c *service.Call, r *rpc.ContentJobsGet) {
	st, ok := s.jobStore(c)
	if !ok {
		return
	}
	var out rpc.ContentJobs
	var err error
	s.h.Go(func(context.Context) {
		if r.Of == "manager" {
			out.Manager, err = checkpoint(st)
			return
		}
		out.Jobs, err = page(st, r)
	}, func() {
		if err != nil {
			c.Fail(err)
			return
		}
		c.Respond(out)
	})
}

// checkpoint is what is kept besides jobs, nil when there is nothing.
func checkpoint(st *store.Store) (*rpc.JobCheckpoint, error) {
	meta, err := st.Meta()
	if err != nil {
		return nil, err
	}
	c := &rpc.JobCheckpoint{Version: rpc.JobCheckpointVersion}
	if b := meta[store.MetaCheckpoint]; b != nil {
		return c, message.Unmarshal(b, c)
	}
	id, queues := meta[store.MetaMaxJobID], meta[store.MetaQueues]
	if id == nil && queues == nil {
		return nil, nil
	}
	if id != nil {
		if c.MaxJobID, err = jobid.Parse(string(id)); err != nil {
			return nil, err
		}
	}
	if queues != nil {
		err = message.Unmarshal(queues, &c.Queue)
	}
	return c, err
}

// page reads a page of jobs.
func page(st *store.Store, r *rpc.ContentJobsGet) (out []rpc.ContentJob, err error) {
	var kept []*store.KeptJob
	switch r.Of {
	case "active":
		kept, err = st.KeptActive(uint64(r.After))
	case "ended":
		kept, err = st.KeptFinished(uint64(r.After), pageJobs, pageBytes)
	case "put":
		imports, err := st.Imports(uint64(r.After), pageJobs, pageBytes)
		for _, j := range imports {
			out = append(out, putJob(j))
		}
		return out, err
	default:
		return nil, message.Errorf(syscall.EINVAL, "content.jobs-get: of %q is none of active, ended, put", r.Of)
	}
	for _, j := range kept {
		out = append(out, keptJob(j, r.Brief))
	}
	return out, err
}

// putJob is a job as it came.
func putJob(j store.ImportedJob) rpc.ContentJob {
	out := rpc.ContentJob{ID: jobid.ID(j.ID), Keys: j.Keys, Guest: string(j.Keys["guest"])}
	delete(out.Keys, "guest")
	return out
}

// keptJob is a job with the keys RFC 16 has for it.
func keptJob(j *store.KeptJob, brief bool) rpc.ContentJob {
	out := rpc.ContentJob{ID: jobid.ID(j.ID), UserID: j.UserID, Guest: string(j.Records["guest"])}
	if j.Err != nil {
		out.Damage = j.Err.Error()
	}
	if brief {
		return out
	}
	out.Keys = map[string][]byte{}
	for name, data := range j.Records {
		if name != "guest" {
			out.Keys[name] = data
		}
	}
	for name, data := range j.Streams {
		if name == "exec" {
			out.Keys[execLog] = data
		} else {
			out.Keys[guestDir+name] = data
		}
	}
	return out
}

func (s *content) jobsPut(c *service.Call, r *rpc.ContentJobsPut) {
	st, ok := s.jobStore(c)
	if !ok {
		return
	}
	batch := &store.Batch{}
	for _, j := range r.Jobs {
		for name, data := range j.Keys {
			batch.ImportJob(uint64(j.ID), name, data)
		}
		if j.Guest != "" {
			batch.ImportJob(uint64(j.ID), "guest", []byte(j.Guest))
		}
	}
	if r.Manager != nil {
		b, err := message.Marshal(r.Manager)
		if err != nil {
			c.Fail(err)
			return
		}
		batch.SetMeta(store.MetaCheckpoint, b)
	}
	st.Commit(batch, func(err error) {
		s.h.Post(func() {
			if err != nil {
				c.Fail(err)
				return
			}
			c.Respond(nil)
		})
	})
}
