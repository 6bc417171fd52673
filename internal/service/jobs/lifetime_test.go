// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import "testing"

func TestMoved(t *testing.T) {
	for _, tc := range []struct {
		from, to float64
		want     string
	}{{0, 5, "-inf"}, {5, 0, "+inf"}, {5, 6.5, "+1.5"}, {100, 10, "-90"}} {
		if got := moved(tc.from, tc.to); got != tc.want {
			t.Errorf("from %g to %g: %s, want %s", tc.from, tc.to, got, tc.want)
		}
	}
}
