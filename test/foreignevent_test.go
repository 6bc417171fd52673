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
	// The last have just been told. One watcher may be there: the job manager's,
	// of resource.R, which it begins a while after the start.
	for left := "2"; left > "1"; {
		left = c.ok("module", "stats", "--parse=watchers", "kvs-watch")
	}
}

// Updates among them show in the job's documents as they are now, and in no
// other way.
func TestForeignUpdates(t *testing.T) {
	c := start(t, 1)
	id := c.ok("submit", "--urgency=hold", "true")
	key := c.ok("job", "id", "--to=kvs", id) + ".eventlog"
	c.ok("kvs", "eventlog", "append", key, "jobspec-update", `{"attributes.system.duration":60.0}`)
	if s := c.ok("job", "info", id, "jobspec"); !strings.Contains(s, `"duration":60.0`) {
		t.Errorf("jobspec as it is now: %s", s)
	}
	if s := c.ok("job", "info", "--original", id, "jobspec"); strings.Contains(s, `"duration":60.0`) {
		t.Errorf("jobspec as it was: %s", s)
	}
	if s := c.ok("jobs", "-no", "{duration}", id); s != "0.0" {
		t.Errorf("duration %q", s)
	}
	c.ok("cancel", id)
}
