// SPDX-License-Identifier: LGPL-3.0-or-later

package rset

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"goflux/constraint"
	"goflux/hostlist"
	"goflux/idset"
)

func TestSubsetAndFilter(t *testing.T) {
	r := mustParse(t, site)
	sub := r.Subset(idset.MustParse("1-2,9"))
	raw, _ := sub.MarshalJSON()
	want := `{"version":1,"execution":{"R_lite":[{"rank":"1","children":{"core":"0-1"}},{"rank":"2","children":{"core":"0-1","gpu":"0-1"}}],"starttime":0.0,"expiration":0.0,"nodelist":["test[2-3]"],"properties":{"batch":"2","debug":"1","fatnode":"2"}}}`
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
	for _, tc := range []struct{ constraint, ranks string }{
		{`{"properties":["debug"]}`, "0-1"},
		{`{"not":[{"hostlist":["test[2-3]"]}]}`, "0,3"},
		{`{"and":[{"ranks":["1-3"]},{"properties":["^fatnode"]}]}`, "1"},
	} {
		e, err := constraint.Parse([]byte(tc.constraint))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Filter(e).Ranks().String(); got != tc.ranks {
			t.Errorf("%s: ranks %s, want %s", tc.constraint, got, tc.ranks)
		}
	}
	if !r.Filter(nil).Equal(r) {
		t.Error("no constraint must keep all")
	}
}

func TestHostsAndRanks(t *testing.T) {
	r := mustParse(t, site)
	ranks, err := r.RanksOf(hostlist.MustParse("test[2,4]"))
	if err != nil || ranks.String() != "1,3" {
		t.Errorf("got %s %v", ranks, err)
	}
	if _, err := r.RanksOf(hostlist.MustParse("test[1,8-9]")); err == nil ||
		err.Error() != "invalid hosts: test[8-9]" || !errors.Is(err, syscall.ENOENT) {
		t.Errorf("got %v", err)
	}
	if got := fmt.Sprint(r.RankHosts()); got != "map[0:test1 1:test2 2:test3 3:test4]" {
		t.Errorf("got %s", got)
	}
	if err := r.SetHosts(hostlist.MustParse("a[1-3]")); err == nil {
		t.Error("three hosts for four ranks accepted")
	}
}

func TestRerankAndRemap(t *testing.T) {
	r := mustParse(t, site)
	got, err := r.Rerank(hostlist.MustParse("test[4,1-3]"))
	if err != nil {
		t.Fatal(err)
	}
	if raw, _ := got.MarshalJSON(); string(raw) != `{"version":1,"execution":{"R_lite":[{"rank":"0,3","children":{"core":"0-1","gpu":"0-1"}},{"rank":"1-2","children":{"core":"0-1"}}],"starttime":0.0,"expiration":0.0,"nodelist":["test[4,1-3]"],"properties":{"batch":"0,3","debug":"1-2","fatnode":"0,3"}}}` {
		t.Errorf("got %s", raw)
	}
	for hosts, want := range map[string]syscall.Errno{"a[1-5]": syscall.EOVERFLOW, "a": syscall.ENOSPC, "a[1-4]": syscall.ENOENT} {
		if _, err := r.Rerank(hostlist.MustParse(hosts)); !errors.Is(err, want) {
			t.Errorf("%s: got %v", hosts, err)
		}
	}
	job := mustParse(t, `{"version":1,"execution":{"R_lite":[{"rank":"7","children":{"core":"4-5","gpu":"3"}},{"rank":"9","children":{"core":"1,3"}}],"nodelist":["a,b"],"properties":{"x":"9"}}}`).Remap()
	if job.Summary() != "rank0/core[0-1],gpu3 rank1/core[0-1]" || job.Nodelist().String() != "a,b" || job.PropertyRanks("x").String() != "1" {
		t.Errorf("got %s", job)
	}
}

func TestFromConfig(t *testing.T) {
	r, err := FromConfig([]ConfigEntry{
		{Hosts: "test[1-4]", Cores: "0-1"},
		{Hosts: "test[1-2]", Properties: []string{"debug"}},
		{Hosts: "test[3-4]", Properties: []string{"batch", "fatnode"}, GPUs: "0-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if raw, _ := r.MarshalJSON(); string(raw) != site {
		t.Errorf("got  %s\nwant %s", raw, site)
	}
	for _, tc := range []struct {
		entries []ConfigEntry
		want    string
	}{
		{nil, "no hosts configured"},
		{[]ConfigEntry{{Hosts: "a["}}, "config[0]: invalid hostlist 'a['"},
		{[]ConfigEntry{{Hosts: ""}}, "config[0]: empty hostlist specified"},
		{[]ConfigEntry{{Hosts: "a", Cores: "x"}}, "config[0]: invalid idset cores='x'"},
		{[]ConfigEntry{{Hosts: "a", GPUs: "x"}}, "config[0]: invalid idset gpus='x'"},
		{[]ConfigEntry{{Hosts: "a", Properties: []string{"b^"}}}, `config[0]: invalid property "b^"`},
		{[]ConfigEntry{{Hosts: "a[1-3]"}, {Hosts: "a2", Cores: "0"}}, "resource.config: a[1,3] assigned no resources"},
	} {
		if _, err := FromConfig(tc.entries); err == nil || err.Error() != tc.want {
			t.Errorf("%v: got %v, want %s", tc.entries, err, tc.want)
		}
	}
}

func TestVerify(t *testing.T) {
	const head, tail = `{"version":1,"execution":{"R_lite":[{"rank":"1","children":`, `}],"nodelist":["b"]}}`
	expected := mustParse(t, `{"version":1,"execution":{"R_lite":[{"rank":"0-1","children":{"core":"0-3","gpu":"0"}}],"nodelist":["a,b"]}}`)
	strict := VerifyConfig{}
	for _, tc := range []struct {
		actual string
		config VerifyConfig
		want   string
	}{
		{head + `{"core":"0-3","gpu":"0"}` + tail, strict, ""},
		{head + `{"core":"0-2"}` + tail, strict, "rank 1 (b) missing resources: core3,gpu0"},
		{head + `{"core":"0-2"}` + tail, DefaultVerify, "rank 1 (b) missing resources: core3"},
		{head + `{"core":"0-5","gpu":"0-2"}` + tail, strict, "rank 1 (b) has extra resources: core[4-5],gpu[1-2]"},
		{head + `{"core":"0-5","gpu":"0-2"}` + tail, DefaultVerify, ""},
		{head + `{"core":"0"}` + tail, VerifyConfig{Core: VerifyAllowMissing, GPU: VerifyIgnore}, ""},
		{strings.Replace(head+`{"core":"0-3","gpu":"0"}`+tail, `"b"`, `"c"`, 1), strict, "rank 1 got hostname 'c', expected 'b'"},
		{strings.Replace(head+`{"core":"0-3"}`+tail, `"1"`, `"7"`, 1), strict, "rank 7 not found in expected ranks"},
		{site, strict, "Verification supported on single rank only"},
	} {
		got := ""
		if err := Verify(expected, mustParse(t, tc.actual), tc.config); err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.actual, got, tc.want)
		}
	}
}

func TestParseVerify(t *testing.T) {
	for _, tc := range []struct {
		in   any
		want string
	}{
		{nil, "{strict allow-extra ignore}"},
		{true, "{strict strict strict}"},
		{false, "{ignore ignore ignore}"},
		{map[string]any{}, "{strict strict strict}"},
		{map[string]any{"default": "allow-missing", "hostname": "strict"}, "{strict allow-missing allow-missing}"},
		{"yes", "verify must be a table or boolean"},
		{map[string]any{"core": 1}, "verify.core mode must be a string"},
		{map[string]any{"core": "x"}, "verify.core: unknown verify mode 'x'"},
		{map[string]any{"ram": "strict"}, "verify: unsupported resource type: ram"},
	} {
		c, err := ParseVerify(tc.in)
		got := fmt.Sprint(c)
		if err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%v: got %s, want %s", tc.in, got, tc.want)
		}
	}
}

// model is a resource set as a plain set of "rank/core" and "rank/gpu".
type model map[string]bool

func modelOf(r *R) model {
	m := model{}
	for n := range r.Nodes() {
		for id := range n.Cores().All() {
			m[fmt.Sprintf("%d/core%d", n.Rank(), id)] = true
		}
		for id := range n.GPUs().All() {
			m[fmt.Sprintf("%d/gpu%d", n.Rank(), id)] = true
		}
	}
	return m
}

func genR(t *rapid.T, label string) *R {
	ids := func(max uint32) *idset.Set {
		return idset.New(rapid.SliceOfN(rapid.Uint32Range(0, max), 0, 4).Draw(t, "ids")...)
	}
	var entries []Entry
	for _, rank := range rapid.SliceOfN(rapid.Uint32Range(0, 9), 0, 12).Draw(t, label) {
		cores := ids(5)
		cores.Add(0)
		entries = append(entries, Entry{Rank: rank, Host: fmt.Sprintf("h%d", rank), Cores: cores, GPUs: ids(2)})
	}
	r := Build(entries)
	if props := ids(9).Intersect(r.Ranks()); rapid.Bool().Draw(t, "prop") {
		_ = r.SetProperty("p", props)
	}
	return r
}

// TestAlgebra: the operations agree with plain sets, and hosts, properties and
// encoding stay consistent.
func TestAlgebra(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := genR(t, "a"), genR(t, "b")
		ma, mb := modelOf(a), modelOf(b)
		check := func(name string, got *R, keep func(k string) bool) {
			want := model{}
			for _, m := range []model{ma, mb} {
				for k := range m {
					if keep(k) {
						want[k] = true
					}
				}
			}
			if !maps.Equal(modelOf(got), want) {
				t.Fatalf("%s of %s and %s is %s", name, a.Summary(), b.Summary(), got.Summary())
			}
			for n := range got.Nodes() {
				if n.Host() != fmt.Sprintf("h%d", n.Rank()) || n.Host() != got.Host(n.Rank()) {
					t.Fatalf("%s: rank %d is on %s", name, n.Rank(), n.Host())
				}
				if name != "union" && n.HasProperty("p") != a.PropertyRanks("p").Contains(n.Rank()) {
					t.Fatalf("%s: property of rank %d", name, n.Rank())
				}
			}
			raw, _ := got.MarshalJSON()
			again, err := Parse(raw)
			if err != nil || !again.Equal(got) {
				t.Fatalf("%s: %s reads back as %v (%v)", name, raw, again, err)
			}
			if second, _ := again.MarshalJSON(); string(second) != string(raw) {
				t.Fatalf("%s: %s became %s", name, raw, second)
			}
			if int64(len(want)) != got.NCores()+got.NGPUs() {
				t.Fatalf("%s: counts %d cores, %d GPUs", name, got.NCores(), got.NGPUs())
			}
		}
		check("union", a.Union(b), func(k string) bool { return true })
		check("difference", a.Subtract(b), func(k string) bool { return ma[k] && !mb[k] })
		check("intersection", a.Intersect(b), func(k string) bool { return ma[k] && mb[k] })
		check("subset", a.Subset(b.Ranks()), func(k string) bool {
			rank, _, _ := strings.Cut(k, "/")
			return ma[k] && slices.Contains(strings.Split(b.Ranks().Expand(), ","), rank)
		})
		contains := true
		for k := range mb {
			contains = contains && ma[k]
		}
		if a.Contains(b) != contains || a.Equal(b) != (contains && len(ma) == len(mb)) {
			t.Fatalf("%s contains %s: want %v", a.Summary(), b.Summary(), contains)
		}
	})
}

// TestLarge: ten thousand nodes stay small, and what is done to them quick.
func TestLarge(t *testing.T) {
	r, err := FromConfig([]ConfigEntry{{Hosts: "n[0-9999]", Cores: "0-127", GPUs: "0-7"}, {Hosts: "n[0-999]", Properties: []string{"p"}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.groups) != 1 || r.NCores() != 1280000 {
		t.Fatalf("%s", r.Summary())
	}
	every2 := idset.New()
	for i := uint32(0); i < 10000; i += 2 {
		every2.Add(i)
	}
	half := r.Subset(every2)
	if half.NNodes() != 5000 || half.Host(9998) != "n9998" || !half.Union(r.Subtract(half)).Equal(r) {
		t.Errorf("half has %d nodes", half.NNodes())
	}
}

func BenchmarkSubset10000(b *testing.B) {
	r, err := FromConfig([]ConfigEntry{{Hosts: "n[0-9999]", Cores: "0-127"}})
	if err != nil {
		b.Fatal(err)
	}
	ranks := idset.MustParse("100-199,5000-5099")
	for b.Loop() {
		r.Subset(ranks)
	}
}
