// SPDX-License-Identifier: LGPL-3.0-or-later

package contentsqlite

import (
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// rootPrefix marks the store's values that are roots of KVS namespaces.
const rootPrefix = "kvs.namespace."

// commit makes blobs and roots durable together.
func (b *backing) commit(c *service.Call, r *rpc.ContentCommit) {
	for _, blob := range r.Blobs {
		b.batch.PutObject(blob.Hash, blob.Data)
	}
	if r.Checkpoint != nil {
		b.batch.PutCheckpoint(r.Checkpoint, r.Advance)
	}
	for name, root := range r.Roots {
		b.batch.SetMeta(rootPrefix+name, root)
	}
	b.then(c, nil)
}

func (b *backing) rootsGet(c *service.Call) {
	b.off(c, func() (any, error) {
		all, err := b.store.Meta()
		if err != nil {
			return nil, err
		}
		roots := map[string][]byte{}
		for key, value := range all {
			if name, ok := strings.CutPrefix(key, rootPrefix); ok {
				roots[name] = value
			}
		}
		return rpc.ContentRoots{Roots: roots}, nil
	})
}

func (b *backing) checkpointPut(c *service.Call, r *rpc.CheckpointPut) {
	value, err := r.Document()
	if err != nil {
		c.Fail(err)
		return
	}
	b.batch.PutCheckpoint(value, false)
	b.then(c, nil)
}

func (b *backing) checkpointGet(c *service.Call) {
	b.off(c, func() (any, error) {
		list, err := b.store.Checkpoints()
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, syscall.ENOENT
		}
		var out rpc.CheckpointGet
		for _, cp := range list {
			value := jsontext.Value(cp.Value)
			if !value.IsValid() {
				return nil, message.Errorf(syscall.EINVAL, "checkpoint %d is not JSON", cp.ID)
			}
			out.Value = append(out.Value, value)
		}
		return out, nil
	})
}
