// SPDX-License-Identifier: LGPL-3.0-or-later

package contentsqlite

import (
	"math"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/rpc"
	"goflux/internal/service"
)

// tally keeps the spread of durations, in constant space (Welford's method).
type tally struct {
	n        int
	min, max float64
	mean, m2 float64
}

func (t *tally) add(d time.Duration) {
	x := float64(d) / float64(time.Millisecond)
	t.n++
	if t.n == 1 || x < t.min {
		t.min = x
	}
	t.max = max(t.max, x)
	delta := x - t.mean
	t.mean += delta / float64(t.n)
	t.m2 += delta * (x - t.mean)
}

func (t *tally) spread() rpc.Spread {
	s := rpc.Spread{Count: t.n, Min: t.min, Max: t.max, Mean: t.mean}
	if t.n > 1 {
		s.Stddev = math.Sqrt(t.m2 / float64(t.n-1))
	}
	return s
}

func (b *backing) stats(c *service.Call) {
	out := rpc.ContentSqliteStats{LoadTime: b.loaded.spread(), StoreTime: b.stored.spread()}
	out.Config.JournalMode, out.Config.Synchronous = b.store.Modes()
	b.off(c, func() (any, error) {
		st, err := b.store.ContentStats()
		if err != nil {
			return nil, err
		}
		out.ObjectCount, out.CurrentEpoch, out.DbfileSize, out.DbfileFree = st.Objects, st.Epoch, st.FileSize, st.FreeSpace
		list, err := b.store.Checkpoints()
		if err != nil {
			return nil, err
		}
		for _, cp := range list {
			if v := jsontext.Value(cp.Value); v.IsValid() {
				out.Checkpoints = append(out.Checkpoints, rpc.StoredCheckpoint{ID: cp.ID, Value: v})
			}
		}
		return out, nil
	})
}

// ClearStats implements service.StatsClearer.
func (b *backing) ClearStats() { b.loaded, b.stored = tally{}, tally{} }
