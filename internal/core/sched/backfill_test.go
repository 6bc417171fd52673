// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"testing"

	"pgregory.net/rapid"

	"goflux/idset"
	"goflux/jobid"
	"goflux/jobspec"
	"goflux/rset"
)

// small is a machine with backfill of n nodes of two cores.
func small(n uint32) *Machine {
	entries := make([]rset.Entry, n)
	for i := range n {
		entries[i] = rset.Entry{Rank: i, Host: "n", Cores: idset.FromRange(0, 1), GPUs: idset.New()}
	}
	m := New(rset.Build(entries))
	m.Backfill()
	_, _ = m.Step(0, Up{idset.FromRange(0, n-1)}) // it knows the ranks
	return m
}

func slots(id jobid.ID, n int64, duration float64) Submit {
	return Submit{id, 16, &Request{Slots: jobspec.Fixed(n), Cores: 1, Duration: duration}}
}

// granted are the ids granted in a step, those that were backfilled negative.
func granted(t interface{ Fatalf(string, ...any) }, m *Machine, now float64, events ...Event) (ids []int) {
	effects, err := m.Step(now, events...)
	if err != nil {
		t.Fatalf("step: %v", err)
	}
	for _, e := range effects {
		if a, ok := e.(Alloc); ok {
			id := int(a.ID)
			if a.Ahead != 0 {
				id = -id
			}
			ids = append(ids, id)
		}
	}
	return ids
}

func TestBackfill(t *testing.T) {
	m := small(2)
	for _, step := range []struct {
		now   float64
		event Event
		want  []int
	}{
		{10, slots(1, 2, 3600), []int{1}},
		{11, slots(2, 4, 0), nil},                  // the head, which waits for job 1
		{12, slots(3, 1, 0), nil},                  // nobody knows when it would end
		{13, slots(4, 1, 60), []int{-4}},           // is gone before
		{14, slots(5, 1, 4000), nil},               // is not
		{15, slots(6, 1, 3595), []int{-6}},         // just
		{16, slots(7, 1, 60), nil},                 // no room
		{17, Free{ID: 4, Final: true}, []int{-7}},  // room
		{18, Expiration{ID: 1, At: 9000}, nil},     // the head waits longer, but nothing is free
		{19, Free{ID: 7, Final: true}, []int{-5}},  // and so there is time for this one
		{20, Prioritize{ID: 3, Priority: 20}, nil}, // the head now, no room
		{21, Free{ID: 6, Final: true}, []int{3}},   // the old head waits
		{22, Free{ID: 1, Final: true}, nil},        // for job 3, which has no end
		{23, slots(8, 1, 1), nil},                  // so nobody goes before it
		{24, Free{ID: 5, Final: true}, nil},        //
		{25, Free{ID: 3, Final: true}, []int{2}},   // it has its turn
		{26, Free{ID: 2, Final: true}, []int{8}},   //
	} {
		got := granted(t, m, step.now, step.event)
		if len(got) != len(step.want) || len(got) > 0 && got[0] != step.want[0] {
			t.Errorf("at %v %s: granted %v, want %v", step.now, step.event, got, step.want)
		}
	}
}

// What is backfilled never delays the head.
func TestBackfillDelaysNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := small(3)
		now, next := 1.0, jobid.ID(1)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now += rapid.Float64Range(0, 20).Draw(t, "dt")
			before := m.Forecast(now, 1)
			head, _ := m.queue.Min()
			granted(t, m, now, slots(next, rapid.Int64Range(1, 6).Draw(t, "slots"), rapid.SampledFrom([]float64{0, 10, 50, 200}).Draw(t, "duration")))
			next++
			after := m.Forecast(now, 1)
			if now2, _ := m.queue.Min(); head != nil && now2 == head && len(before) > 0 {
				if len(after) == 0 || after[0].At > before[0].At {
					t.Fatalf("the head was to start at %v, and is now at %v", before, after)
				}
			}
			for id, job := range m.running {
				if job.end > 0 && job.end <= now {
					granted(t, m, now, Free{ID: id, Final: true})
					break
				}
			}
		}
	})
}
