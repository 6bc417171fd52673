// SPDX-License-Identifier: LGPL-3.0-or-later

package rset

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

func mustParse(t testing.TB, s string) *R {
	t.Helper()
	r, err := Parse([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return r
}

// site is the inventory of a four node test cluster.
const site = `{"version":1,"execution":{"R_lite":[{"rank":"0-1","children":{"core":"0-1"}},{"rank":"2-3","children":{"core":"0-1","gpu":"0-1"}}],"starttime":0.0,"expiration":0.0,"nodelist":["test[1-4]"],"properties":{"batch":"2-3","debug":"0-1","fatnode":"2-3"}}}`

// TestExampleRFC20 is the example of RFC 20.
func TestExampleRFC20(t *testing.T) {
	r := mustParse(t, `{
  "version": 1,
  "execution": {
    "R_lite": [{"rank": "19-22", "children": {"core": "0-47", "gpu": "0-7"}}],
    "nodelist": ["node[186-189]"],
    "nslots": 32,
    "starttime": 1676560542,
    "expiration": 1676562342
  }
}`)
	got := fmt.Sprintln(r.Ranks(), r.Nodelist(), r.NNodes(), r.NCores(), r.NGPUs(), r.NSlots,
		r.Expiration-r.StartTime, r.Host(20), r.CoresOn(22), r.GPUsOn(22), r.Summary())
	if want := "19-22 node[186-189] 4 192 32 32 1800 node187 0-47 0-7 rank[19-22]/core[0-47],gpu[0-7]\n"; got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	raw, _ := r.MarshalJSON()
	want := `{"version":1,"execution":{"R_lite":[{"rank":"19-22","children":{"core":"0-47","gpu":"0-7"}}],"starttime":1676560542.0,"expiration":1676562342.0,"nslots":32,"nodelist":["node[186-189]"]}}`
	if string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, s := range []string{
		site,
		`{"version":1,"execution":{"R_lite":[],"starttime":0.0,"expiration":0.0,"nodelist":[""]}}`,
		`{"version":1,"execution":{"R_lite":[{"rank":"0-3","children":{"core":"0-1"}}],"starttime":0.0,"expiration":0.0,"nodelist":["vm,vm,vm,vm"]}}`,
		`{"version":1,"execution":{"R_lite":[{"rank":"0","children":{"core":"0"}}],"starttime":1795378506.035453,"expiration":0.0,"nslots":1}}`,
		`{"version":1,"execution":{"R_lite":[{"rank":"0","children":{"core":"0"}}],"starttime":0.0,"expiration":0.0},"scheduling":{"writer":"x", "n":[1.50]}}`,
	} {
		raw, _ := mustParse(t, s).MarshalJSON()
		if string(raw) != s {
			t.Errorf("got  %s\nwant %s", raw, s)
		}
	}
	if got := New().String(); got != `{"version": 1, "execution": {"R_lite": [], "starttime": 0.0, "expiration": 0.0, "nodelist": [""]}}` {
		t.Errorf("empty set: %s", got)
	}
}

// TestParseNormalizes: entries in any order, alike or for the same rank.
func TestParseNormalizes(t *testing.T) {
	r := mustParse(t, `{"version":1,"execution":{"R_lite":[
		{"rank":"3","children":{"core":"0-1"}},
		{"rank":"0","children":{"core":"4-5"}},
		{"rank":"1","children":{"core":"0-1"}},
		{"rank":"0","children":{"core":"1","gpu":"0"}}],
		"nodelist":["a","b[1-2]"]}}`)
	if got, want := r.Summary(), "rank0/core[1,4-5],gpu0 rank[1,3]/core[0-1]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := r.Host(0) + " " + r.Host(1) + " " + r.Host(3) + r.Host(2); got != "a b1 b2" {
		t.Errorf("hosts %s", got)
	}
}

func TestParseErrors(t *testing.T) {
	exec := func(s string) string { return `{"version":1,"execution":{` + s + `}}` }
	lite := func(s string) string { return exec(`"R_lite":[` + s + `]`) }
	for _, tc := range []struct{ in, want string }{
		{``, `invalid R: `},
		{`[]`, `invalid R: `},
		{`{}`, `invalid R: version is missing`},
		{`{"version":2}`, `invalid version=2`},
		{`{"version":"1"}`, `invalid version="1"`},
		{`{"version":1}`, `invalid R: execution is missing`},
		{exec(``), `execution: R_lite is missing`},
		{lite(`{}`), `execution.R_lite[0].rank: must not be empty`},
		{lite(`{"rank":"x","children":{"core":"0"}}`), `execution.R_lite[0].rank: `},
		{lite(`{"rank":0,"children":{"core":"0"}}`), `invalid R: `},
		{lite(`{"rank":"0"}`), `execution.R_lite[0]: children is missing`},
		{lite(`{"rank":"0","children":{"core":"a"}}`), `execution.R_lite[0].children.core: `},
		{lite(`{"rank":"0","children":{"core":"0","memory":"1"}}`), `unknown resource type memory`},
		{lite(`{"rank":"0-4294967295","children":{"core":"0"}}`), `more than 1048576 ranks`},
		{exec(`"R_lite":[{"rank":"0-1","children":{"core":"0"}}],"nodelist":["a"]`), `number of hosts (1 or more) does not match number of ranks (2)`},
		{exec(`"R_lite":[],"nodelist":["a["]`), `execution.nodelist[0]: `},
		{exec(`"R_lite":[],"starttime":-1`), `starttime and expiration must be >= 0`},
		{exec(`"R_lite":[],"nslots":-1`), `execution.nslots: must be > 0`},
		{exec(`"R_lite":[],"properties":{"a":"0"}`), `rank 0 not found in target resource list`},
		{exec(`"R_lite":[],"properties":{"a":"0-1"}`), `ranks 0-1 not found in target resource list`},
		{exec(`"R_lite":[],"properties":{"a^":""}`), `Invalid character '^' in property "a^"`},
		{exec(`"R_lite":[],"properties":{"a":"x"}`), `execution.properties.a: `},
	} {
		_, err := Parse([]byte(tc.in))
		if err == nil || !strings.Contains(err.Error(), tc.want) || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: got %v, want %s", tc.in, err, tc.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(site))
	f.Add([]byte(`{"version":1,"execution":{"R_lite":[{"rank":"1","children":{"core":"0-3"}},{"rank":"0-1","children":{"gpu":"0"}}],"nodelist":["a","b"],"nslots":3},"scheduling":{}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := Parse(in)
		if err != nil {
			return
		}
		raw, _ := r.MarshalJSON()
		again, err := Parse(raw)
		if err != nil {
			t.Fatalf("%s became %s: %v", in, raw, err)
		}
		if second, _ := again.MarshalJSON(); string(second) != string(raw) {
			t.Fatalf("%s became %s", raw, second)
		}
		if r.NNodes() < 1000 && !(r.Equal(again) && r.Union(again).Equal(r) && r.Subtract(again).Empty()) {
			t.Fatalf("%s is not what it was", raw)
		}
	})
}

// TestEmptyObject: no resources may also be written as an empty object.
func TestEmptyObject(t *testing.T) {
	r := mustParse(t, `{"version":1,"execution":{"R_lite": { } }}`)
	if r.NNodes() != 0 {
		t.Errorf("%d nodes in nothing", r.NNodes())
	}
	for _, bad := range []string{`{"rank":"0"}`, `"x"`, `{`} {
		if _, err := Parse([]byte(`{"version":1,"execution":{"R_lite":` + bad + `}}`)); err == nil {
			t.Errorf("R_lite %s is taken", bad)
		}
	}
}
