// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"strings"
	"testing"
)

// TestShapeRFC46 are the examples of RFC 46, which are those of RFC 14.
func TestShapeRFC46(t *testing.T) {
	const node = `{"type":"node","count":1}`
	for _, tc := range []struct{ shape, want string }{
		{`slot=4/node`, `[{"type":"slot","count":4,"with":[` + node + `],"label":"task"}]`},
		{`slot=3-30/node`, `[{"type":"slot","count":"3-30","with":[` + node + `],"label":"task"}]`},
		{`slot=4{nodelevel}/node{-x}/socket=2+/core=4+`, `[{"type":"slot","count":4,"with":[{"type":"node","count":1,"exclusive":false,"with":[{"type":"socket","count":"2+","with":[{"type":"core","count":"4+"}]}]}],"label":"nodelevel"}]`},
		{`[cluster/slot=2{ib}/node/[memory=4{unit:GB};ib10g];switch/slot=2{bicore}/node/core=2]`, `[{"type":"cluster","count":1,"with":[{"type":"slot","count":2,"with":[{"type":"node","count":1,"with":[{"type":"memory","count":4,"unit":"GB"},{"type":"ib10g","count":1}]}],"label":"ib"}]},{"type":"switch","count":1,"with":[{"type":"slot","count":2,"with":[{"type":"node","count":1,"with":[{"type":"core","count":2}]}],"label":"bicore"}]}]`},
		{`cluster=2/slot/node=1+{-x}/core=30`, `[{"type":"cluster","count":2,"with":[{"type":"slot","count":1,"with":[{"type":"node","count":"1+","exclusive":false,"with":[{"type":"core","count":30}]}],"label":"task"}]}]`},
		{`slot=4,9,16,25/node`, `[{"type":"slot","count":"4,9,16,25","with":[` + node + `],"label":"task"}]`},
		{`slot=[4,9]/node`, `[{"type":"slot","count":"4,9","with":[` + node + `],"label":"task"}]`},
		{`slot=10/[memory=2+{unit:GB};core]`, `[{"type":"slot","count":10,"with":[{"type":"memory","count":"2+","unit":"GB"},{"type":"core","count":1}],"label":"task"}]`},
		{`node/[slot=10{read-db}/[core;memory=4{unit:GB}];slot{db}/[core=6;memory=24{unit:GB}]]`, `[{"type":"node","count":1,"with":[{"type":"slot","count":10,"with":[{"type":"core","count":1},{"type":"memory","count":4,"unit":"GB"}],"label":"read-db"},{"type":"slot","count":1,"with":[{"type":"core","count":6},{"type":"memory","count":24,"unit":"GB"}],"label":"db"}]}]`},
		{` node {x, unit : "a b"} `, `[{"type":"node","count":1,"exclusive":true,"unit":"a b"}]`},
		{`node=2-16:2:*{exclusive:FALSE}`, `[{"type":"node","count":"2-16:2:*","exclusive":false}]`},
	} {
		list, err := ParseShape(tc.shape)
		if err != nil {
			t.Errorf("%s: %v", tc.shape, err)
			continue
		}
		got := MarshalResources(list)
		if string(got) != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.shape, got, tc.want)
		}
		if _, err := decodeResources(got); err != nil {
			t.Errorf("%s: %v", tc.shape, err)
		}
	}
}

func TestShapeErrors(t *testing.T) {
	for _, tc := range []struct{ shape, want string }{
		{``, `shape: Unexpected end of input in ''`},
		{`slot=2{blah`, `shape: Unexpected end of input in 'slot=2{blah'`},
		{`slot/`, `shape: Unexpected end of input in 'slot/'`},
		{`slot`, `shape: Unexpected end of input in 'slot'`},
		{`[node;core`, `shape: Unclosed bracket in position 0`},
		{`node]`, `shape: Invalid token ']' at position 4`},
		{`slot=2{bla}}`, `shape: Invalid token '}' at position 11`},
		{`node=0`, `shape: at position 5: min, max, and operand must be >= 1`},
		{`node{color:red}`, `shape: unknown key 'color' for node`},
		{`node{x:3}`, `shape: exclusive must be a boolean (got 3)`},
		{`node{unit:"GB}`, `shape: Unclosed quote " at position 10`},
		{`[slot/core;slot/core]`, `shape: Multiple slots require labels`},
		{strings.Repeat("a/", MaxDepth+1) + "b", `shape: nesting exceeds limit of 100`},
	} {
		if _, err := ParseShape(tc.shape); err == nil || err.Error() != tc.want {
			t.Errorf("%.40s: got %v, want %s", tc.shape, err, tc.want)
		}
	}
}

func FuzzShape(f *testing.F) {
	for _, s := range []string{`slot=4{a,-x}/node/[core=2;gpu]`, `node=1+{unit:'GB'}`, `[a;b]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := ParseShape(s)
		if err != nil {
			return
		}
		if _, err := decodeResources(MarshalResources(list)); err != nil {
			t.Fatalf("%q became %s: %v", s, MarshalResources(list), err)
		}
	})
}
