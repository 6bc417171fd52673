// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
	"goflux/internal/service"
	"goflux/treeobj"
)

// Keys in the KVS.
const (
	keyR          = "resource.R"
	keyLog        = "resource.eventlog"
	keyCheckpoint = "checkpoint.resource"
)

// Flags of KVS operations and transactions, as on the wire.
const (
	kvsAppend = 32
	kvsSync   = 4
)

// kvs is the part of the key-value store's protocol that is needed here.
type kvs struct {
	h service.Host
	// unsynced is set when there is no backing store to synchronise with.
	unsynced bool
}

type (
	kvsLookup struct {
		Key       string `json:"key"`
		Namespace string `json:"namespace"`
		Flags     int    `json:"flags"`
	}
	kvsValue struct {
		Val jsontext.Value `json:"val"`
	}
	kvsCommit struct {
		Namespace string  `json:"namespace"`
		Flags     int     `json:"flags"`
		Ops       []kvsOp `json:"ops"`
	}
	kvsOp struct {
		Key    string         `json:"key"`
		Flags  int            `json:"flags"`
		Dirent jsontext.Value `json:"dirent"`
	}
)

func kvsPut(key string, data []byte) kvsOp {
	return kvsOp{Key: key, Dirent: treeobj.Encode(treeobj.Val{Data: data})}
}

func kvsAdd(key string, data []byte) kvsOp {
	op := kvsPut(key, data)
	op.Flags = kvsAppend
	return op
}

// get calls fn with the value of key; nil when there is none.
func (k *kvs) get(key string, fn func([]byte, error)) {
	k.h.Request(service.Request{
		Topic: "kvs.lookup", NodeID: message.NodeAny, Payload: kvsLookup{Key: key, Namespace: "primary"},
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
	var v kvsValue
	if err := m.Decode(&v); err != nil {
		return nil, err
	}
	o, err := treeobj.Decode(v.Val)
	if err != nil {
		return nil, err
	}
	val, ok := o.(treeobj.Val)
	if !ok {
		return nil, syscall.EISDIR
	}
	return val.Data, nil
}

// commit carries out ops, all or none, and calls fn when they are durable.
// Without a backing store nothing can be, and fn is called when they are done.
func (k *kvs) commit(ops []kvsOp, fn func(error)) {
	if k.unsynced {
		k.send(ops, 0, fn)
		return
	}
	k.send(ops, kvsSync, func(err error) {
		if err == nil || message.Errno(err) != syscall.ENOSYS {
			fn(err)
			return
		}
		k.send(ops, 0, func(err error) {
			k.unsynced = err == nil
			fn(err)
		})
	})
}

func (k *kvs) send(ops []kvsOp, flags int, fn func(error)) {
	k.h.Request(service.Request{
		Topic: "kvs.commit", NodeID: message.NodeAny, Payload: kvsCommit{Namespace: "primary", Flags: flags, Ops: ops},
	}, func(m *message.Message) { fn(m.Err()) })
}
