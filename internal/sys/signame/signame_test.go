// SPDX-License-Identifier: LGPL-3.0-or-later

package signame

import "testing"

func TestParse(t *testing.T) {
	for in, want := range map[string]int{
		"15": 15, "TERM": 15, "SIGTERM": 15, "term": 15, "usr1": 10, "64": 64, "144": 144,
		"0": 0, "-1": 0, "FOO": 0, "": 0, "SIG": 0,
	} {
		if got, ok := Parse(in); ok != (want != 0) || ok && got != want {
			t.Errorf("Parse(%q) = %d, %v, want %d", in, got, ok, want)
		}
	}
}

func TestNamesReadBack(t *testing.T) {
	for n := 1; n <= 64; n++ {
		if got, ok := Parse(Name(n)); !ok || got != n {
			t.Errorf("Parse(Name(%d) = %q) = %d, %v", n, Name(n), got, ok)
		}
	}
}
