// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestProcTable(t *testing.T) {
	table := procTable{
		Hosts: values(`["n",[0,1]]`, `"x"`),
		IDs:   values(`[0,2]`),
		Pids:  values(`[10,-1]`, `5`),
	}
	got, err := table.pairs(nil)
	if err != nil || len(got) != 3 || got[0] != "n0:10" || got[1] != "n1:10" || got[2] != "x:15" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{`[1]`, `"x"`, `[0,99999999]`, `[0,1,99999999]`, `[0,1,-1]`} {
		if _, err := expandNumbers(values(bad)); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func values(list ...string) []jsontext.Value {
	out := make([]jsontext.Value, len(list))
	for i, s := range list {
		out[i] = jsontext.Value(s)
	}
	return out
}
