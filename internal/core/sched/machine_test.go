// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"goflux/constraint"
	"goflux/idset"
	"goflux/jobid"
	"goflux/jobspec"
	"goflux/rset"
)

func inventory(t testing.TB, entries ...rset.ConfigEntry) *rset.R {
	t.Helper()
	r, err := rset.FromConfig(entries)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestGrantedR: what a job gets is a proper R.
func TestGrantedR(t *testing.T) {
	inv := inventory(t, rset.ConfigEntry{Hosts: "test[1-4]", Cores: "0-1", Properties: []string{"debug", "+batch"}})
	inv.Scheduling = []byte(`{"test":"data"}`)
	inv.Expiration = 5000
	m := New(inv)
	request := &Request{Nodes: jobspec.Fixed(2), Slots: jobspec.Fixed(1), Cores: 1, Exclusive: true, Duration: 60}
	effects, err := m.Step(1000.5, Up{inv.Ranks()}, Submit{1, 16, request})
	if err != nil || len(effects) != 1 {
		t.Fatal(effects, err)
	}
	raw, _ := effects[0].(Alloc).R.MarshalJSON()
	want := `{"version":1,"execution":{"R_lite":[{"rank":"0-1","children":{"core":"0-1"}}],"starttime":1000.5,"expiration":1060.5,"nslots":2,"nodelist":["test[1-2]"],"properties":{"debug":"0-1"}},"scheduling":{"test":"data"}}`
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
	forever := *request
	forever.Duration = 0
	if effects, err = m.Step(2000, ResourceExpiration{7000}, Submit{2, 16, &forever}); err != nil {
		t.Fatal(err)
	}
	if r := effects[0].(Alloc).R; r.Expiration != 7000 || r.StartTime != 2000 {
		t.Errorf("from %v to %v", r.StartTime, r.Expiration)
	}
	if _, err := m.Step(0, Expiration{9, 1}); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("got %v", err)
	}
	if _, err := m.Step(0, Expiration{1, -1}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("got %v", err)
	}
	if raw, _ := m.Allocated().MarshalJSON(); string(raw) != `{"version":1,"execution":{"R_lite":[{"rank":"0-3","children":{"core":"0-1"}}],"starttime":0.0,"expiration":7000.0,"nodelist":["test[1-4]"],"properties":{"+batch":"0-3","debug":"0-3"}}}` {
		t.Errorf("allocated %s", raw)
	}
}

// TestRanges: as many as there are, of those that are acceptable.
func TestRanges(t *testing.T) {
	count := func(s string) jobspec.Count {
		c, err := jobspec.ParseCount(s)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, tc := range []struct {
		nodes, slots string
		want         string
		nslots       int
	}{
		{"2-3", "1", "rank[0-2]/core0", 3},
		{"2+", "2", "rank[0-4]/core[0-1]", 10},
		{"1-8:2:*", "1", "rank[0-3]/core0", 4},
		{"1,3,9", "1", "rank[0-2]/core0", 3},
		{"", "3+", "rank[0-4]/core[0-3]", 20},
		{"", "3-6", "rank0/core[0-3] rank1/core[0-1]", 6},
		{"", "1-32:2:*", "rank[0-3]/core[0-3]", 16},
		{"6-7", "1", "", 0},
	} {
		inv := inventory(t, rset.ConfigEntry{Hosts: "n[0-4]", Cores: "0-3"})
		m := New(inv)
		r := &Request{Slots: count(tc.slots), Cores: 1}
		if tc.nodes != "" {
			r.Nodes = count(tc.nodes)
		}
		effects, _ := m.Step(0, Up{inv.Ranks()}, Submit{1, 16, r})
		got, nslots := "", 0
		if a, ok := effects[0].(Alloc); ok {
			got, nslots = a.Summary, a.R.NSlots
		}
		if got != tc.want || nslots != tc.nslots {
			t.Errorf("nodes %q slots %q: got %s with %d slots, want %s with %d", tc.nodes, tc.slots, got, nslots, tc.want, tc.nslots)
		}
	}
}

// TestRangeWithGPUs: what is cut off a range to make it acceptable is cut off
// cores and GPUs alike.
func TestRangeWithGPUs(t *testing.T) {
	powers, err := jobspec.ParseCount("1-32:2:*")
	if err != nil {
		t.Fatal(err)
	}
	inv := inventory(t, rset.ConfigEntry{Hosts: "n[0-1]", Cores: "0-7", GPUs: "0-2"})
	effects, _ := New(inv).Step(0, Up{inv.Ranks()}, Submit{1, 16, &Request{Slots: powers, Cores: 2, GPUs: 1}})
	if got := effects[0].String(); got != "alloc "+jobid.ID(1).String()+" rank0/core[0-5],gpu[0-2] rank1/core[0-1],gpu0" {
		t.Errorf("got %s", got)
	}
}

func TestParseDepth(t *testing.T) {
	for arg, want := range map[string]string{
		"queue-depth=4":         "4 true <nil>",
		"queue-depth=unlimited": "0 true <nil>",
		"mode=limited=3":        "3 true <nil>",
		"mode=single":           "1 true <nil>",
		"mode=unlimited":        "0 true <nil>",
		"log-level=debug":       "0 false <nil>",
		"mode=foobar":           `0 true invalid scheduler mode "foobar": invalid argument`,
		"mode=limited=-1":       `0 true queue-depth must be a positive integer or 'unlimited', got "-1": invalid argument`,
		"queue-depth=x":         `0 true queue-depth must be a positive integer or 'unlimited', got "x": invalid argument`,
	} {
		depth, ok, err := ParseDepth(arg)
		if got := fmt.Sprint(depth, ok, err); got != want {
			t.Errorf("%s: got %s, want %s", arg, got, want)
		}
	}
}

// TestRequestFromJobspec: exclusive slots become nodes, constraints are read,
// and what cannot be read is refused.
func TestRequestFromJobspec(t *testing.T) {
	spec := func(vertex, attributes string) string {
		return `{"resources":[` + vertex + `],"tasks":[],"attributes":` + attributes + `,"version":1}`
	}
	const slot = `{"type":"slot","count":2,"label":"t","exclusive":true,"with":[{"type":"core","count":3}]}`
	for _, tc := range []struct{ in, want string }{
		{spec(slot, `{"system":{"duration":1,"constraints":{"ranks":["1"]}}}`), `exclusive 2 nodes with 1 slots of 3 cores on {"ranks":["1"]}`},
		{spec(slot, `{}`), `getting duration: Object item not found: system`},
		{spec(slot, `{"system":{"duration":1,"constraints":{"x":[]}}}`), `unknown constraint operator: x`},
	} {
		j, err := jobspec.Parse([]byte(tc.in))
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewRequest(j)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = r.String()
		}
		if got != tc.want {
			t.Errorf("got %s, want %s", got, tc.want)
		}
	}
}

// naive picks resources the plain way: sort all nodes, take from the front.
func naive(m *Machine, r *Request) (picked map[uint32][2]int64, ok bool) {
	var nodes []*node
	for _, n := range m.pool.nodes {
		if n.up && (r.Constraint == nil || m.All().Match(r.Constraint).Contains(n.rank)) {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b *node) int {
		if before(a, b) {
			return -1
		}
		return 1
	})
	picked = map[uint32][2]int64{}
	want := r.Slots.Min()
	if !r.Nodes.IsZero() {
		want = r.Nodes.Min()
	}
	for _, n := range nodes {
		if want == 0 {
			break
		}
		freeCores, freeGPUs := int64(n.freeCores.Len()), int64(n.freeGPUs.Len())
		if r.Nodes.IsZero() {
			take := min(slotsIn(freeCores, freeGPUs, r), want)
			if take > 0 {
				picked[n.rank] = [2]int64{take * r.Cores, take * r.GPUs}
				want -= take
			}
			continue
		}
		cores, gpus := r.onNode()
		if freeCores < cores || freeGPUs < gpus {
			continue
		}
		if r.Exclusive {
			if freeCores < n.nCores || freeGPUs < n.nGPUs {
				continue
			}
			cores, gpus = freeCores, freeGPUs
		}
		picked[n.rank] = [2]int64{cores, gpus}
		want--
	}
	return picked, want == 0
}

// checkInvariants: no core twice; free and held are everything; the numbers
// kept agree with the sets; the head of the queue does not fit.
func checkInvariants(t *rapid.T, m *Machine, full *rset.R) {
	held := rset.New()
	for id, job := range m.running {
		live := job.r.Subset(m.All().Ranks())
		if !held.Intersect(live).Empty() {
			t.Fatalf("job %d holds what another job holds", id)
		}
		held = held.Union(live)
	}
	if !m.Allocated().Equal(held) {
		t.Fatalf("jobs hold %s, the pool says %s", held.Summary(), m.Allocated().Summary())
	}
	free := rset.New()
	up := 0
	for _, n := range m.pool.nodes {
		free = free.Union(rset.Build([]rset.Entry{{Rank: n.rank, Cores: n.freeCores.Clone(), GPUs: n.freeGPUs.Clone()}}))
		if n.nFreeCores != int64(n.freeCores.Len()) || n.nFreeGPUs != int64(n.freeGPUs.Len()) {
			t.Fatalf("rank %d: counts are off", n.rank)
		}
		if n.up {
			up++
			if got, ok := m.pool.ready.Get(n); !ok || got != n {
				t.Fatalf("rank %d is up and not in order", n.rank)
			}
		}
	}
	if m.pool.ready.Len() != up || !free.Intersect(held).Empty() ||
		!free.Union(held).Equal(full.Subset(m.All().Ranks())) {
		t.Fatalf("free %s and held %s are not everything", free.Summary(), held.Summary())
	}
	if m.queue.Len() != len(m.waiting) {
		t.Fatal("queue and index differ")
	}
	if head, ok := m.queue.Min(); ok {
		if _, fits := naive(m, head.request); fits {
			t.Fatalf("job %d fits and waits", head.id)
		}
	}
}

func genRequest(t *rapid.T) *Request {
	r := &Request{
		Slots:    jobspec.Fixed(rapid.Int64Range(1, 4).Draw(t, "slots")),
		Cores:    rapid.Int64Range(1, 3).Draw(t, "cores"),
		GPUs:     rapid.Int64Range(0, 1).Draw(t, "gpus"),
		Duration: float64(rapid.IntRange(0, 5).Draw(t, "duration")),
	}
	if nodes := rapid.Int64Range(0, 3).Draw(t, "nodes"); nodes > 0 {
		r.Nodes = jobspec.Fixed(nodes)
		r.Exclusive = rapid.Bool().Draw(t, "exclusive")
	}
	if c := rapid.SampledFrom([]string{"", "", `{"properties":["p"]}`, `{"not":[{"ranks":["0"]}]}`}).Draw(t, "constraint"); c != "" {
		r.Constraint, _ = constraint.Parse([]byte(c))
	}
	return r
}

// TestMachineProperty drives a machine at random against plain rules.
func TestMachineProperty(t *testing.T) {
	full := inventory(t,
		rset.ConfigEntry{Hosts: "a[0-2]", Cores: "0-3", Properties: []string{"p"}},
		rset.ConfigEntry{Hosts: "b[0-1]", Cores: "2,4,7-8", GPUs: "0-1"},
		rset.ConfigEntry{Hosts: "c0", Cores: "0"})
	rapid.Check(t, func(t *rapid.T) {
		m := New(full.Clone())
		next := jobid.ID(1)
		granted := map[jobid.ID]bool{}
		ranks := func() *idset.Set {
			return idset.New(rapid.SliceOfN(rapid.Uint32Range(0, 6), 0, 4).Draw(t, "ranks")...)
		}
		anyJob := func() jobid.ID { return jobid.ID(rapid.Uint64Range(1, uint64(next)).Draw(t, "job")) }
		step := func(e Event) []Effect {
			effects, err := m.Step(1, e)
			var bad *EventError
			if err != nil && !errors.As(err, &bad) {
				t.Fatal(err)
			}
			for _, f := range effects {
				if a, ok := f.(Alloc); ok {
					if granted[a.ID] {
						t.Fatalf("job %d granted twice", a.ID)
					}
					granted[a.ID] = true
				}
			}
			checkInvariants(t, m, full)
			return effects
		}
		t.Repeat(map[string]func(*rapid.T){
			"submit": func(t *rapid.T) {
				r := genRequest(t)
				alone := m.Pending() == 0
				want, fits := naive(m, r)
				effects := step(Submit{next, rapid.Int64Range(1, 3).Draw(t, "priority"), r})
				if alone {
					checkGrant(t, effects, r, want, fits)
				}
				next++
			},
			"cancel":     func(t *rapid.T) { step(Cancel{anyJob()}) },
			"prioritize": func(t *rapid.T) { step(Prioritize{anyJob(), rapid.Int64Range(1, 3).Draw(t, "priority")}) },
			"free all":   func(t *rapid.T) { step(Free{ID: anyJob(), Final: true}) },
			"free some":  func(t *rapid.T) { step(Free{ID: anyJob(), Ranks: ranks()}) },
			"up":         func(t *rapid.T) { step(Up{ranks()}) },
			"down":       func(t *rapid.T) { step(Down{ranks()}) },
			"shrink": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "rarely") == 0 {
					step(Shrink{ranks()})
				}
			},
			"forecast": func(t *rapid.T) {
				before := fmt.Sprint(m.Allocated().Summary(), m.Pending())
				got, want := m.Forecast(1, 8), plainForecast(m, 1, 8)
				if !slices.Equal(got, want) {
					t.Fatalf("forecast %v, want %v", got, want)
				}
				if after := fmt.Sprint(m.Allocated().Summary(), m.Pending()); before != after {
					t.Fatalf("a forecast changed %s to %s", before, after)
				}
			},
			"restart": func(t *rapid.T) {
				again := New(m.All())
				for id, job := range m.running {
					if job.r.Ranks().SubsetOf(m.All().Ranks()) {
						if _, err := again.Step(1, Hello{id, job.r}); err != nil {
							t.Fatal(err)
						}
					}
				}
			},
		})
	})
}

// checkGrant: a request alone in the queue gets what plain rules say.
func checkGrant(t *rapid.T, effects []Effect, r *Request, want map[uint32][2]int64, fits bool) {
	if len(effects) == 0 && !fits {
		return
	}
	if len(effects) != 1 {
		t.Fatalf("%s: got %v, fits %v", r, effects, fits)
	}
	a, ok := effects[0].(Alloc)
	if !ok && !fits {
		return
	}
	if ok != fits || len(want) != a.R.NNodes() {
		t.Fatalf("%s: got %v, want %v", r, effects, want)
	}
	for n := range a.R.Nodes() {
		if w := want[n.Rank()]; int64(n.Cores().Len()) != w[0] || int64(n.GPUs().Len()) != w[1] {
			t.Fatalf("%s: got %s, want %v", r, a.Summary, want)
		}
	}
}

// TestNoGrowth: a hundred thousand jobs gone by leave nothing behind.
func TestNoGrowth(t *testing.T) {
	inv := inventory(t, rset.ConfigEntry{Hosts: "n[0-99]", Cores: "0-7"})
	m := New(inv)
	request := &Request{Slots: jobspec.Fixed(1), Cores: 1}
	if _, err := m.Step(0, Up{inv.Ranks()}); err != nil {
		t.Fatal(err)
	}
	for id := jobid.ID(1); id <= 100000; id++ {
		if _, err := m.Step(0, Submit{id, 16, request}); err != nil {
			t.Fatal(err)
		}
		if id > 500 {
			if _, err := m.Step(0, Free{ID: id - 500, Final: true}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if m.Running() != 500 || m.Pending() != 0 || len(m.verdict) != 1 || len(m.pool.matches) != 0 {
		t.Errorf("running %d pending %d verdicts %d", m.Running(), m.Pending(), len(m.verdict))
	}
	for _, n := range m.pool.nodes {
		if n.freeCores.Len() < 2 {
			t.Fatalf("rank %d has %s free: not worst fit", n.rank, n.freeCores)
		}
	}
}

func benchmark(b *testing.B, nodes int, backlog int) {
	inv := inventory(b, rset.ConfigEntry{Hosts: fmt.Sprintf("n[0-%d]", nodes-1), Cores: "0-63", Properties: []string{"q"}})
	m := New(inv)
	_, _ = m.Step(0, Up{inv.Ranks()})
	c, _ := constraint.Parse([]byte(`{"properties":["q"]}`))
	request := &Request{Slots: jobspec.Fixed(1), Cores: 1, Constraint: c}
	for i := range nodes*64 + backlog {
		_, _ = m.Step(0, Submit{jobid.ID(i), 16, request})
	}
	free, submit := jobid.ID(0), jobid.ID(nodes*64+backlog)
	for b.Loop() {
		_, _ = m.Step(0, Free{ID: free, Final: true}, Submit{submit, 16, request})
		free, submit = free+1, submit+1
	}
}

func BenchmarkTurnover1000(b *testing.B)        { benchmark(b, 1000, 0) }
func BenchmarkTurnover1000Backlog(b *testing.B) { benchmark(b, 1000, 100000) }
func BenchmarkTurnover10000(b *testing.B)       { benchmark(b, 10000, 0) }
