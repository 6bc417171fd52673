// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"cmp"
	"slices"
	"testing"

	"goflux/idset"
	"goflux/jobid"
	"goflux/jobspec"
	"goflux/rset"
)

// plainForecast tries to place a request after each job's end.
func plainForecast(m *Machine, now float64, most int) (out []Estimate) {
	o := m.Outlook(most)
	for _, w := range o.queue {
		slices.SortStableFunc(o.ends, func(a, b release) int { return cmp.Compare(a.at, b.at) })
		for {
			picks, slots, ok := o.pool.place(w.request)
			if ok {
				out = append(out, Estimate{w.id, now})
				o.ends = append(o.ends, release{now + w.request.Duration, o.pool.takePicks(picks, slots)})
				break
			}
			if len(o.ends) == 0 {
				return out
			}
			now = max(now, o.ends[0].at)
			for len(o.ends) > 0 && o.ends[0].at <= now {
				o.pool.give(o.ends[0].r)
				o.ends = o.ends[1:]
			}
		}
		if w.request.Duration == 0 {
			return out
		}
	}
	return out
}

// busy is a machine of n nodes of 64 cores, all taken by two jobs each, and
// requests for half of the nodes.
func busy(n uint32) *Machine {
	cores := idset.FromRange(0, 63)
	entries := make([]rset.Entry, n)
	for i := range n {
		entries[i] = rset.Entry{Rank: i, Host: "n", Cores: cores, GPUs: idset.New()}
	}
	m := New(rset.Build(entries))
	events := []Event{Up{idset.FromRange(0, n-1)}}
	for i := range 2 * n {
		events = append(events, Submit{jobid.ID(i + 1), 16, &Request{Slots: jobspec.Fixed(32), Cores: 1, Duration: 3600 + float64(i)}})
	}
	for i := range uint32(8) {
		events = append(events, Submit{jobid.ID(2*n + i + 1), 16, &Request{
			Nodes: jobspec.Fixed(int64(n / 2)), Slots: jobspec.Fixed(1), Cores: 64, Duration: 3600,
		}})
	}
	if _, err := m.Step(1, events...); err != nil {
		panic(err)
	}
	return m
}

func BenchmarkForecast(b *testing.B) {
	m := busy(4096)
	for b.Loop() {
		if len(m.Forecast(2, 8)) != 8 {
			b.Fatal("not all were estimated")
		}
	}
}
