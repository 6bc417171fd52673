// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/treeobj"
)

// Keys in the KVS.
const (
	keyR          = "resource.R"
	keyLog        = "resource.eventlog"
	keyCheckpoint = "checkpoint.resource"
)

// kvsAppend is a flag of KVS operations, as on the wire.
const kvsAppend = 32

// kvs is the part of the key-value store's protocol that is needed here.
type kvs struct{ h service.Host }

func kvsPut(key string, data []byte) rpc.KVSOp {
	return rpc.KVSOp{Key: key, Dirent: rpc.KVSDirent{JSON: treeobj.JSON{Object: treeobj.Val{Data: data}}, Given: true}}
}

func kvsAdd(key string, data []byte) rpc.KVSOp {
	op := kvsPut(key, data)
	op.Flags = kvsAppend
	return op
}

// get calls fn with the value of key; nil when there is none.
func (k *kvs) get(key string, fn func([]byte, error)) {
	k.h.Request(service.Request{
		Topic: "kvs.lookup", NodeID: message.NodeAny, Payload: rpc.KVSLookup{Key: key, Namespace: "primary"},
	}, func(m *message.Message) {
		if err := m.Err(); err != nil {
			if message.Errno(err) == syscall.ENOENT {
				err = nil
			}
			fn(nil, err)
			return
		}
		fn(decodeValue(m))
	})
}

func decodeValue(m *message.Message) ([]byte, error) {
	var v rpc.KVSValue
	if err := m.Decode(&v); err != nil {
		return nil, err
	}
	val, ok := v.Val.Object.(treeobj.Val)
	if !ok {
		return nil, syscall.EISDIR
	}
	return val.Data, nil
}

// commit carries out ops, all or none, and calls fn when they are as durable as
// the instance is: that is what the KVS answers, without being asked for a
// checkpoint.
func (k *kvs) commit(ops []rpc.KVSOp, fn func(error)) {
	k.h.Request(service.Request{
		Topic: "kvs.commit", NodeID: message.NodeAny, Payload: &rpc.KVSCommit{Namespace: "primary", Ops: ops},
	}, func(m *message.Message) { fn(m.Err()) })
}
