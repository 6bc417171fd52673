// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"goflux/internal/core/job"
	core "goflux/internal/core/kvs"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
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
