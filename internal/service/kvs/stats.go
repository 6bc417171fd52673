// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"math"

	"goflux/internal/rpc"
)

// spread keeps the spread of samples, in constant space (Welford's method).
type spread struct {
	n        int
	min, max float64
	mean, m2 float64
}

func (t *spread) add(x float64) {
	t.n++
	if t.n == 1 || x < t.min {
		t.min = x
	}
	t.max = max(t.max, x)
	delta := x - t.mean
	t.mean += delta / float64(t.n)
	t.m2 += delta * (x - t.mean)
}

func (t *spread) response(scale float64) rpc.KVSSpread {
	r := rpc.KVSSpread{Count: t.n, Min: int64(t.min * scale), Max: int64(t.max * scale), Mean: t.mean * scale}
	if t.n > 1 {
		r.Stddev = math.Sqrt(t.m2/float64(t.n-1)) * scale
	}
	return r
}

// Stats implements service.Statser.
func (s *kvs) Stats() any {
	st := s.m.Stats()
	var sizes spread
	total := 0
	for _, n := range st.Objects {
		sizes.add(float64(n))
		total += n
	}
	const kilo = 1e-3
	resp := rpc.KVSStats{
		Cache: rpc.KVSCacheStats{
			Total: float64(total) / (1 << 20), Sizes: sizes.response(kilo),
			Dirty: st.Dirty, Incomplete: st.Incomplete, Faults: st.Faults,
		},
		Namespace: map[string]rpc.KVSNamespaceStats{},
		Opcount:   rpc.KVSOpcount{Commit: s.commits.response(1)},
		Pending:   len(s.calls) + s.lookups,
	}
	for _, ns := range st.Spaces {
		resp.Namespace[ns.Name] = rpc.KVSNamespaceStats{
			VersionWaiters: ns.VersionWaiters, NoopStores: ns.NoopStores,
			Transactions: ns.Transactions, Ready: ns.Ready, Revision: ns.Seq,
		}
	}
	return resp
}

// ClearStats implements service.StatsClearer.
func (s *kvs) ClearStats() { s.commits = spread{} }
