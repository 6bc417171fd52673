// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"strings"

	core "goflux/internal/core/kvs"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
)

// jobLogs are the jobs whose event logs a transaction writes to. Those logs are
// not in the tree, what others append to them is.
func jobLogs(r *rpc.KVSCommit) (ids []jobid.ID) {
	if r.Namespace != core.Primary {
		return nil
	}
	for i := range r.Ops {
		key := r.Ops[i].Key
		if !strings.HasSuffix(key, ".eventlog") {
			continue
		}
		dir := strings.TrimSuffix(core.Normalize(key), ".eventlog")
		if !strings.HasPrefix(dir, "job.") {
			continue
		}
		if id, err := jobid.Parse(dir); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// tellJobLogs tells the service that has the jobs of such a transaction.
func (s *kvs) tellJobLogs(ids []jobid.ID) {
	if len(ids) > 0 {
		s.h.Request(service.Request{Topic: "job-info.logs-appended", NodeID: 0, Payload: &rpc.JobLogsAppended{IDs: ids}}, nil)
	}
}
