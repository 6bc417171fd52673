// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"fmt"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/store"
	"goflux/jobid"
	"goflux/treeobj"
)

// lostFound is the KVS directory of jobs of another instance that could not be
// taken over: there an administrator can look at what there is of them.
const lostFound = "job-lost+found.job."

// putAside puts jobs there, one after another, and then forgets them here.
func (s *jobs) putAside(lost []store.ImportedJob) {
	if len(lost) == 0 {
		return
	}
	in := lost[0]
	s.h.Request(service.Request{Topic: "kvs.commit", NodeID: message.NodeAny, Payload: &rpc.KVSCommit{
		Namespace: "primary", Ops: asideOps(in),
	}}, func(m *message.Message) {
		if m.Err() != nil { // the KVS is not there yet
			s.h.After(lifetimeRetryMax, func() { s.putAside(lost) })
			return
		}
		s.batch.DropImport(in.ID)
		s.putAside(lost[1:])
	})
}

// asideOps are the keys of a job in that directory.
func asideOps(in store.ImportedJob) []rpc.KVSOp {
	dir := fmt.Sprintf("%s%s.", lostFound, idText(jobid.ID(in.ID)))
	var ops []rpc.KVSOp
	if ref := string(in.Keys["guest"]); ref != "" { // first: the streams go into it
		ops = append(ops, rpc.KVSPut(dir+"guest", treeobj.Dirref{Refs: []string{ref}}))
	}
	for name, data := range in.Keys {
		if name != "guest" {
			ops = append(ops, rpc.KVSPut(dir+name, treeobj.Val{Data: data}))
		}
	}
	return ops
}
