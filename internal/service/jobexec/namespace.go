// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/treeobj"
)

// A job has a KVS namespace of its own while it runs, FLUX_KVS_NAMESPACE of its
// tasks. What is in it at the end stays with the job (RFC 16, 41).

// makeNamespace makes the job's namespace. Requests go in order, so it is there
// before any task is. Without a KVS a job runs all the same.
func (e *exec) makeNamespace(j *job) {
	j.guest = true
	e.h.Request(service.Request{
		Topic: "kvs.namespace-create", NodeID: 0,
		Payload: &rpc.KVSNamespaceCreate{Namespace: j.id.Namespace(), Rootref: e.emptyDir(), Owner: int64(j.userid), Fleeting: true},
	}, func(m *message.Message) {
		if err := m.Err(); err != nil && message.Errno(err) != syscall.EEXIST { // an earlier service's lasts
			e.h.Log().Debug("making a guest namespace", "jobid", j.id.F58(), "err", err)
			j.guest = false
			return
		}
		e.tellGuest(j, "")
	})
}

// emptyDir is the blobref of a directory with nothing in it.
func (e *exec) emptyDir() string {
	name, _ := e.h.Attr("content.hash")
	hash, err := treeobj.ParseHash(name)
	if err != nil {
		hash = treeobj.SHA1
	}
	return treeobj.Blobref(hash, treeobj.Encode(treeobj.NewDir()))
}

func (e *exec) tellGuest(j *job, rootref string) {
	e.h.Request(service.Request{
		Topic: "job-info.guest", NodeID: message.NodeAny, Payload: rpc.JobGuest{ID: j.id, Rootref: rootref},
	}, nil)
}

// closeNamespace notes what is in the namespace, removes it, and calls done.
func (e *exec) closeNamespace(j *job, done func()) {
	if !j.guest {
		done()
		return
	}
	e.h.Request(service.Request{
		Topic: "kvs.getroot", NodeID: 0, Payload: rpc.KVSGetroot{Namespace: j.id.Namespace()},
	}, func(m *message.Message) {
		var root rpc.KVSGetrootResponse
		if m.Err() == nil && m.Decode(&root) == nil && root.Rootseq > 0 {
			e.tellGuest(j, root.Rootref)
		}
		e.h.Request(service.Request{
			Topic: "kvs.namespace-remove", NodeID: 0, Payload: rpc.KVSNamespaceRemove{Namespace: j.id.Namespace()},
		}, nil)
		done()
	})
}
