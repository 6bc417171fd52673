// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"bytes"

	"goflux/eventlog"
	"goflux/internal/core/job"
	core "goflux/internal/core/kvs"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
	"goflux/treeobj"
)

// Others may append events to a job's log under its key in the KVS. They change
// nothing that the job manager decides. Who asks for R or jobspec as they are
// now is shown these updates, too.

// amended calls fn with the job as such events have it.
func (s *jobs) amended(j *job.Job, fn func(*job.Job)) {
	s.h.Request(service.Request{Topic: "kvs.lookup", NodeID: message.NodeAny, Payload: &rpc.KVSLookup{
		Key: j.ID.KVS() + ".eventlog", Namespace: core.Primary, Flags: core.LookupTreeOnly,
	}}, func(m *message.Message) {
		var v rpc.KVSValue
		if m.Err() != nil || m.Decode(&v) != nil { // nobody has appended any
			fn(j)
			return
		}
		val, _ := v.Val.Object.(treeobj.Val)
		fn(j.Amended(val.Data))
	})
}

// logAppended says that others have appended to jobs' logs.
func (s *jobs) logAppended(_ *service.Call, req *rpc.JobLogsAppended) {
	for _, id := range req.IDs {
		if j, err := s.find(id); err == nil {
			s.refresh(j, "")
		}
	}
}

// refresh sends the watchers of a job what has changed for them, of one key or,
// when it is "", of any.
func (s *jobs) refresh(j *job.Job, key string) {
	if !s.updateWatched(j.ID) {
		return
	}
	s.amended(j, func(now *job.Job) {
		for st := range s.updates.All() {
			if st.State.id == j.ID && (key == "" || key == st.State.key) {
				s.sendUpdate(st, now)
			}
		}
	})
}

func (s *jobs) updateWatched(id jobid.ID) bool {
	for st := range s.updates.All() {
		if st.State.id == id {
			return true
		}
	}
	return false
}

// sendUpdate sends a watcher its document, unless it is the one it has.
func (s *jobs) sendUpdate(st *service.Stream[*updateWatch], j *job.Job) {
	b, err := s.updateDocument(j, st.State.key)
	switch {
	case err != nil:
		s.updates.Finish(st, err)
	case !bytes.Equal(b, st.State.last):
		st.State.last = b
		st.Respond(map[string]any{st.State.key: b})
	}
}

// updated tells the watchers of what an event has changed.
func (s *jobs) updated(j *job.Job, e eventlog.Entry) {
	if s.updates.Len() == 0 {
		return
	}
	switch e.Name {
	case "jobspec-update":
		s.refresh(j, "jobspec")
	case "resource-update":
		s.refresh(j, "R")
	case "clean":
		if !s.updateWatched(j.ID) {
			return
		}
		s.amended(j, func(*job.Job) { // after what is still on its way
			for st := range s.updates.All() {
				if st.State.id == j.ID {
					s.updates.Finish(st, nil)
				}
			}
		})
	}
}
