// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"testing"
	"time"
)

// Who lists in a loop is served at once; of a crowd, each waits for the share.
func TestOnlyACrowdWaits(t *testing.T) {
	var q listQueue
	now := time.Unix(1000, 0)
	for range 20 {
		if p := q.pause(now, 20*time.Millisecond); p != 0 {
			t.Fatalf("one that lists waits for %s", p)
		}
	}
	q.waiting = make([]*lister, listTurn)
	if p := q.pause(now, 0); p != listShare*(400*time.Millisecond-listCredit) {
		t.Errorf("a crowd waits for %s", p)
	}
	if p := q.pause(now.Add(time.Minute), 0); p != 0 {
		t.Errorf("long after, it waits for %s", p)
	}
}
