// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"testing"

	"goflux/jobid"
)

func TestRecentForgetsTheOldest(t *testing.T) {
	var r recent
	for id := range jobid.ID(recentDepth + 10) {
		r.add(id + 1)
	}
	r.remove(recentDepth)
	for _, tc := range []struct {
		id   jobid.ID
		want bool
	}{{10, false}, {11, true}, {recentDepth, false}, {recentDepth + 10, true}, {recentDepth + 11, false}} {
		if r.set[tc.id] != tc.want {
			t.Errorf("job %d is remembered: %v", tc.id, !tc.want)
		}
	}
	if len(r.set) != recentDepth-1 {
		t.Errorf("%d jobs are remembered", len(r.set))
	}
}
