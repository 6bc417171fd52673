// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"strings"
	"testing"
)

// Who follows a job's event log also sees what others append to its key in the
// KVS, once, and the job's own events once.
func TestForeignEvents(t *testing.T) {
	c := start(t, 1)
	id := c.ok("submit", "--urgency=hold", "true")
	if r := c.flux("job", "wait-event", "-v", "--timeout=0.2", id, "never"); strings.Count(r.stdout, " submit ") != 1 {
		t.Errorf("watched: %q", r.stdout)
	}
	key := c.ok("job", "id", "--to=kvs", id) + ".eventlog"
	c.ok("kvs", "eventlog", "append", key, "note")
	if r := c.flux("job", "wait-event", "--timeout=0.2", "--count=2", id, "note"); r.code == 0 {
		t.Errorf("an event that was appended once was seen twice: %q", r.stdout)
	}
	c.ok("kvs", "eventlog", "append", key, "note")
	c.ok("job", "wait-event", "--count=2", id, "note")
	c.ok("cancel", id)
	c.ok("job", "wait-event", id, "clean")
	for c.ok("module", "stats", "--parse=watchers", "kvs-watch") != "0" { // the last have just been told
	}
}
