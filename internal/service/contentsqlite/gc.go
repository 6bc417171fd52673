// SPDX-License-Identifier: LGPL-3.0-or-later

package contentsqlite

import (
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/store"
	"goflux/treeobj"
)

// Limits of one garbage collection request, which are flux-core's: each keeps
// a transaction, which others wait for, below some 100 ms.
const (
	maxMark        = 16384
	maxSweep       = 8192
	maxSweepWindow = 1 << 19
)

// mark raises the epoch of objects that are in use.
func (b *backing) mark(c *service.Call, r *rpc.ContentMark) {
	if len(r.Hashes) > maxMark {
		c.Fail(message.Errorf(syscall.EINVAL, "mark request of %d hashes exceeds limit of %d", len(r.Hashes), maxMark))
		return
	}
	hashes := make([]string, len(r.Hashes))
	for i, ref := range r.Hashes {
		h, digest, err := treeobj.ParseBlobref(ref)
		if err != nil || h != b.hash {
			c.Fail(message.Errorf(syscall.EPROTO, "%q is not a %s blobref", ref, b.hash))
			return
		}
		hashes[i] = string(digest)
	}
	marked := new(int)
	b.batch.MarkObjects(r.Epoch, hashes, marked)
	b.then(c, func() any { return rpc.ContentMarked{Marked: *marked} })
}

// sweep deletes objects that are not in use.
func (b *backing) sweep(c *service.Call, r *rpc.ContentSweep) {
	if r.Cursor < 0 || r.HighWater < 0 || r.DeleteCap <= 0 || r.Window <= 0 {
		c.Fail(syscall.EINVAL)
		return
	}
	// From the empty directory namespaces are made, at any time.
	b.batch.MarkObjects(r.Epoch, []string{string(b.hash.Digest(treeobj.Encode(treeobj.NewDir())))}, new(int))
	var out store.SweepResult
	b.batch.SweepObjects(store.Sweep{
		Epoch: r.Epoch, Cursor: r.Cursor, HighWater: r.HighWater,
		Limit: min(r.DeleteCap, maxSweep), Window: min(r.Window, maxSweepWindow),
	}, &out)
	b.then(c, func() any { return rpc.ContentSwept{Deleted: out.Deleted, Cursor: out.Cursor} })
}

func (b *backing) gcInfo(c *service.Call, r *rpc.ContentGCInfo) {
	b.off(c, func() (any, error) {
		epoch, high, err := b.store.HighWater()
		if err != nil {
			return nil, err
		}
		out := rpc.ContentGCState{CurrentEpoch: epoch, HighWater: high}
		if r.GetCount {
			n, err := b.store.CountBelow(r.Epoch)
			if err != nil {
				return nil, err
			}
			out.Candidates = &n
		}
		return out, nil
	})
}
