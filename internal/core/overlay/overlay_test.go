// SPDX-License-Identifier: LGPL-3.0-or-later

package overlay

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSchemes(t *testing.T) {
	for _, tc := range []struct {
		scheme string
		size   int
		want   string // parents of ranks 1…
		level  int
	}{
		{"kary:2", 7, "[0 0 1 1 2 2]", 2},
		{"kary:1", 4, "[0 1 2]", 3},
		{"kary:0", 4, "[0 0 0]", 1},
		{"kary:32", 1, "[]", 0},
		{"mincrit:2", 7, "[0 0 1 2 1 2]", 2},
		{"mincrit", 5, "[0 0 0 0]", 1},
		{"mincrit:", 5, "[0 0 0 0]", 1},
		{"binomial", 8, "[0 0 2 0 4 4 6]", 3},
		{"binomial", 5, "[0 0 2 0]", 2},
		{"custom", 3, "[0 0]", 1},
	} {
		topo, err := NewTopology(tc.scheme, tc.size, nil)
		if err != nil {
			t.Errorf("%s: %v", tc.scheme, err)
			continue
		}
		if got := fmt.Sprint(topo.parent[1:]); got != tc.want || topo.MaxLevel() != tc.level {
			t.Errorf("%s of %d: %s level %d, want %s level %d", tc.scheme, tc.size, got, topo.MaxLevel(), tc.want, tc.level)
		}
	}
	for _, bad := range []string{"kary", "kary:", "kary:-1", "kary:x", "mincrit:x", "binomial:2", "custom:x", "ring", ""} {
		if _, err := NewTopology(bad, 4, nil); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	if _, err := NewTopology("kary:2", 0, nil); err == nil {
		t.Error("size 0 was accepted")
	}
}

func TestMincritLarge(t *testing.T) {
	for _, size := range []int{1025, 1026, 5000, 100000} {
		topo, err := NewTopology("mincrit", size, nil)
		if err != nil {
			t.Fatal(err)
		}
		for rank := range size {
			if n := len(topo.Children(uint32(rank))); rank > 0 && n > maxFanout {
				t.Errorf("size %d: rank %d has %d children", size, rank, n)
			}
		}
		if topo.MaxLevel() > 2 {
			t.Errorf("size %d: level %d", size, topo.MaxLevel())
		}
	}
}

func TestCustom(t *testing.T) {
	hosts := []Host{{"a", ""}, {"b", "d"}, {"c", "b"}, {"d", ""}}
	topo, err := NewTopology("custom", 4, hosts)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(topo.parent); got != "[-1 3 1 0]" {
		t.Error(got)
	}
	if hop, ok := topo.NextHop(0, 2); !ok || hop != 3 {
		t.Errorf("0 to 2 by %d, %v", hop, ok)
	}
	if topo.Descendants(3) != 2 || topo.Descendants(0) != 3 {
		t.Error("descendants")
	}
	for _, bad := range [][]Host{
		{{"a", "b"}, {"b", ""}},
		{{"a", ""}, {"b", "x"}},
		{{"a", ""}, {"b", "c"}, {"c", "b"}},
		{{"a", ""}, {"b", "b"}},
	} {
		if _, err := NewTopology("custom", len(bad), bad); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}

// Every rank is reached from the root hop by hop, and counted once.
func TestTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scheme := rapid.SampledFrom([]string{"kary:1", "kary:2", "kary:16", "kary:0", "mincrit:3", "mincrit", "binomial"}).Draw(t, "scheme")
		size := rapid.IntRange(1, 200).Draw(t, "size")
		topo, err := NewTopology(scheme, size, nil)
		if err != nil {
			t.Fatal(err)
		}
		if topo.Descendants(0) != size-1 || topo.SubtreeRanks(0).Len() != size || topo.Subtree(0).Size != size {
			t.Fatalf("%d below the root of %d", topo.Descendants(0), size)
		}
		for to := 1; to < size; to++ {
			at, hops := uint32(0), 0
			for at != uint32(to) {
				next, ok := topo.NextHop(at, uint32(to))
				if !ok || hops > topo.MaxLevel() {
					t.Fatalf("no way from 0 to %d", to)
				}
				if p, _ := topo.Parent(next); p != at {
					t.Fatalf("%d is not a child of %d", next, at)
				}
				at, hops = next, hops+1
			}
			if hops != topo.Level(uint32(to)) {
				t.Fatalf("%d hops to %d at level %d", hops, to, topo.Level(uint32(to)))
			}
			if _, ok := topo.NextHop(uint32(to), 0); ok {
				t.Fatalf("the root is below %d", to)
			}
		}
		if _, ok := topo.NextHop(0, uint32(size)); ok {
			t.Fatal("a rank that is not there was found")
		}
	})
}

func TestPeers(t *testing.T) {
	now := time.Unix(100, 0)
	later := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	p := NewPeers([]uint32{1, 2}, now)
	want := func(s Status, online int) {
		t.Helper()
		if got, _ := p.Status(); got != s || p.Online() != online {
			t.Errorf("%s with %d online, want %s with %d", got, p.Online(), s, online)
		}
	}
	want(Partial, 0)
	if c := p.Update(p.Get(1), Full, "", later(1)); !c.Changed || c.Left || c.Subtree {
		t.Errorf("%+v", c)
	}
	if c := p.Update(p.Get(2), Full, "", later(2)); !c.Subtree {
		t.Errorf("%+v", c)
	}
	want(Full, 2)
	if got := p.Torpor(30*time.Second, later(31)); len(got) != 1 || got[0].Rank != 1 || !got[0].Torpid {
		t.Errorf("torpid: %+v", got)
	}
	p.Heard(p.Get(1), later(32))
	if got := p.Torpor(30*time.Second, later(33)); len(got) != 2 || got[0].Torpid || !got[1].Torpid {
		t.Errorf("changed: %+v", got)
	}
	if got := p.Torpor(0, later(99)); len(got) != 1 || got[0].Torpid {
		t.Errorf("switched off: %+v", got)
	}
	if c := p.Update(p.Get(1), Lost, "it burns", later(100)); !c.Left || !c.Subtree {
		t.Errorf("%+v", c)
	}
	want(Degraded, 1)
	p.Update(p.Get(1), Offline, "", later(101))
	want(Partial, 1)
	if p.Get(3) != nil || p.Get(0) != nil {
		t.Error("found a peer that is not there")
	}
}

func TestEmptyPeers(t *testing.T) {
	if s, _ := NewPeers(nil, time.Now()).Status(); s != Full {
		t.Errorf("a leaf is %s", s)
	}
}
