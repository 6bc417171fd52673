// SPDX-License-Identifier: LGPL-3.0-or-later

package housekeeping

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"goflux/idset"
	"goflux/jobid"
	"goflux/rset"
)

const fourNodes = `{"version":1,"execution":{"R_lite":[{"rank":"0-3","children":{"core":"0"}}],"starttime":0.0,"expiration":0.0,"nodelist":["h[0-3]"]}}`

func resources(t interface{ Fatalf(string, ...any) }) *rset.R {
	r, err := rset.Parse([]byte(fourNodes))
	if err != nil {
		t.Fatalf("R: %v", err)
	}
	return r
}

func show(effects []Effect) string {
	var out []string
	for _, e := range effects {
		switch e := e.(type) {
		case Keep:
			out = append(out, "keep "+e.Freed.String())
		case Forget:
			out = append(out, "forget")
		case Free:
			out = append(out, fmt.Sprintf("free %s %t", e.R.Ranks(), e.Final))
		}
	}
	return strings.Join(out, ", ")
}

func TestRelease(t *testing.T) {
	for _, tc := range []struct {
		after float64
		want  string
	}{
		{Never, "||||forget, free 0-3 true"},
		{0, "keep 0, free 0 false|keep 0-1, free 1 false||keep 0-2, free 2 false|forget, free 3 true"},
		{5, "||keep 0-1, free 0-1 false|keep 0-2, free 2 false|forget, free 3 true"},
	} {
		m := New()
		m.ReleaseAfter(tc.after)
		if _, e := m.Start(10, 1, 1000, resources(t)); show(e) != "keep " {
			t.Errorf("start: %s", show(e))
		}
		got := []string{show(m.Done(11, 1, 0)), show(m.Done(12, 1, 1)), show(m.Tick(16)), show(m.Done(17, 1, 2)), show(m.Done(18, 1, 3))}
		if s := strings.Join(got, "|"); s != tc.want {
			t.Errorf("release after %v:\n got %s\nwant %s", tc.after, s, tc.want)
		}
		if m.Get(1) != nil {
			t.Errorf("release after %v: still held", tc.after)
		}
	}
}

func TestHello(t *testing.T) {
	m := New()
	m.ReleaseAfter(0)
	m.Start(1, 1, 1000, resources(t))
	m.Start(1, 2, 1000, resources(t))
	m.Done(2, 2, 3)
	if tell, dropped, _ := m.Hello(true); len(tell) != 2 || len(dropped) != 0 {
		t.Errorf("a scheduler that takes parts: told %d, dropped %d", len(tell), len(dropped))
	}
	tell, dropped, effects := m.Hello(false)
	if len(tell) != 1 || tell[0].ID != 1 || len(dropped) != 1 || dropped[0].ID != 2 || show(effects) != "forget" {
		t.Errorf("one that does not: told %v, dropped %v, %s", tell, dropped, show(effects))
	}
	if e := m.Done(3, 2, 0); e != nil {
		t.Errorf("what is dropped goes on: %s", show(e))
	}
}

// Each node is freed once, the last one as the last, and never before the
// command has ended there; what was kept brings back what is held.
func TestFreedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := New()
		m.ReleaseAfter(rapid.SampledFrom([]float64{Never, 0, 3}).Draw(t, "after"))
		r := resources(t)
		m.Start(0, 7, 1, r)
		freed, done := idset.New(), idset.New()
		final := false
		check := func(effects []Effect) {
			for _, e := range effects {
				free, ok := e.(Free)
				if !ok {
					continue
				}
				if final || freed.Intersects(free.R.Ranks()) || !free.R.Ranks().SubsetOf(done) {
					t.Fatalf("freed %s of %s done, before %s", free.R.Ranks(), done, freed)
				}
				freed.AddSet(free.R.Ranks())
				final = free.Final
			}
		}
		for now := 1.0; now < 40; now++ {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				check(m.Tick(now))
			case 1:
				if a := m.Get(7); a != nil {
					n := New()
					n.ReleaseAfter(m.After())
					n.Restore(&Allocation{ID: jobid.ID(7), R: a.R, Freed: a.Freed})
					m, done = n, freed.Clone()
				}
			default:
				rank := rapid.Uint32Range(0, 3).Draw(t, "rank")
				done.Add(rank)
				check(m.Done(now, 7, rank))
			}
		}
		for rank := range r.Ranks().All() {
			done.Add(rank)
			check(m.Done(50, 7, rank))
		}
		if !final || !freed.Equal(r.Ranks()) {
			t.Fatalf("freed %s, final %t", freed, final)
		}
	})
}
