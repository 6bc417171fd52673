// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"maps"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/sys/locale"
	"goflux/jobid"
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
		e.tellGuest(j, "", nil)
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

// tellGuest tells what there is of a namespace, and calls then, unless that is
// nil, when it is on record.
func (e *exec) tellGuest(j *job, rootref string, then func(error)) {
	req := service.Request{Topic: "job-info.guest", NodeID: message.NodeAny, Payload: rpc.JobGuest{ID: j.id, Rootref: rootref}}
	if then == nil {
		e.h.Request(req, nil)
		return
	}
	e.h.Request(req, func(m *message.Message) { then(m.Err()) })
}

// closeNamespace notes what is in the namespace, and calls done. The namespace is
// removed when that is on record: a crash between the two would lose it.
func (e *exec) closeNamespace(j *job, done func()) {
	if !j.guest {
		done()
		return
	}
	e.h.Request(service.Request{
		Topic: "kvs.getroot", NodeID: 0, Payload: rpc.KVSGetroot{Namespace: j.id.Namespace()},
	}, func(m *message.Message) {
		var root rpc.KVSGetrootResponse
		if m.Err() != nil || m.Decode(&root) != nil || root.Rootseq == 0 {
			e.removeNamespace(j.id)
			done()
			return
		}
		e.tellGuest(j, root.Rootref, func(err error) {
			if err != nil {
				e.h.Log().Error("a job's guest namespace stays: what is in it could not be noted", "jobid", locale.JobID(j.id), "err", err)
				return
			}
			e.removeNamespace(j.id)
		})
		done()
	})
}

func (e *exec) removeNamespace(id jobid.ID) {
	e.h.Request(service.Request{
		Topic: "kvs.namespace-remove", NodeID: 0, Payload: rpc.KVSNamespaceRemove{Namespace: id.Namespace()},
	}, nil)
}

// sweepNamespaces removes the namespaces of jobs that ended just before an earlier
// service did, which had noted what is in them.
func (e *exec) sweepNamespaces() {
	known := maps.Clone(e.jobs) // these close their own
	e.h.Request(service.Request{Topic: "kvs.namespace-list", NodeID: 0}, func(m *message.Message) {
		var list rpc.KVSNamespaceList
		if m.Err() != nil || m.Decode(&list) != nil { // without a KVS there is none
			return
		}
		for _, ns := range list.Namespaces {
			id, err := jobid.ParseNamespace(ns.Namespace)
			if err == nil && known[id] == nil && e.jobs[id] == nil {
				e.removeNamespace(id)
			}
		}
	})
}
