// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/sys/locale"
	"goflux/treeobj"
)

// A job has a KVS namespace of its own while it runs, FLUX_KVS_NAMESPACE of its
// tasks. What is in it at the end stays with the job (RFC 16, 41).

// makeNamespace makes the job's namespace, with root in it or, when that is "",
// nothing. Requests go in order, so it is there before any task is. Without a KVS a
// job runs all the same.
func (e *exec) makeNamespace(j *job, root string) {
	j.guest = true
	if root == "" {
		root = e.emptyDir()
	}
	e.h.Request(service.Request{
		Topic: "kvs.namespace-create", NodeID: 0,
		Payload: &rpc.KVSNamespaceCreate{Namespace: j.id.Namespace(), Rootref: root, Owner: int64(j.userid), Fleeting: true},
	}, func(m *message.Message) {
		if err := m.Err(); err != nil && message.Errno(err) != syscall.EEXIST { // an earlier service's lasts
			e.h.Log().Debug("making a guest namespace", "jobid", j.id.F58(), "err", err)
			j.guest = false
			return
		}
		e.noteGuest(j, "", nil)
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

// noteGuest tells the job manager that there is a namespace, or, with a root, what
// is in it before it is removed. It calls then, unless that is nil, when that is on
// record.
func (e *exec) noteGuest(j *job, root string, then func(error)) {
	req := service.Request{Topic: "job-info.guest", NodeID: message.NodeAny, Payload: rpc.JobGuest{ID: j.id, Rootref: root}}
	if then == nil {
		e.h.Request(req, nil)
		return
	}
	e.h.Request(req, func(m *message.Message) { then(m.Err()) })
}

// maxLooks bounds how often a namespace is looked at because somebody still commits
// to it: a job's end must not wait for that.
const maxLooks = 3

// closeNamespace removes the namespace, what is in it being on record, and calls
// done. Whoever commits to it meanwhile has that noted, too, or finds it gone.
func (e *exec) closeNamespace(j *job, done func()) {
	if !j.guest {
		done()
		return
	}
	e.lookAndRemove(j, 1, done)
}

func (e *exec) lookAndRemove(j *job, look int, done func()) {
	e.h.Request(service.Request{
		Topic: "kvs.getroot", NodeID: 0, Payload: rpc.KVSGetroot{Namespace: j.id.Namespace()},
	}, func(m *message.Message) {
		var root rpc.KVSGetrootResponse
		switch {
		case m.Err() != nil || m.Decode(&root) != nil: // somebody has removed it
			done()
		case root.Rootseq == 0: // there is nothing new in it
			e.removeNamespace(j, root, look, done)
		default:
			e.noteGuest(j, root.Rootref, func(err error) {
				if err != nil {
					e.h.Log().Error("a job's guest namespace stays: what is in it cannot be noted", "jobid", locale.JobID(j.id), "err", err)
					done()
					return
				}
				e.removeNamespace(j, root, look, done)
			})
		}
	})
}

// removeNamespace removes the namespace if it still is as it was seen. The last time
// it is removed as it is: what has come since is noted when it is out of the KVS, and
// only a crash in between loses it.
func (e *exec) removeNamespace(j *job, seen rpc.KVSGetrootResponse, look int, done func()) {
	version := seen.Rootseq
	if look == maxLooks {
		version = -1
	}
	e.h.Request(service.Request{
		Topic: "kvs.namespace-remove", NodeID: 0, Payload: rpc.KVSNamespaceRemove{Namespace: j.id.Namespace(), Rootseq: &version},
	}, func(m *message.Message) {
		var last rpc.KVSGetrootResponse
		switch {
		case message.Errno(m.Err()) == syscall.ESTALE:
			e.lookAndRemove(j, look+1, done)
		case m.Err() == nil && m.Decode(&last) == nil && last.Rootref != "" && last.Rootref != seen.Rootref:
			e.noteGuest(j, last.Rootref, func(error) { done() })
		default:
			done()
		}
	})
}
