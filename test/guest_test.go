// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"strings"
	"testing"
)

// A job's guest namespace outlives the execution service that made it, and what
// is in it stays with the job, also with a mock job.
func TestGuestNamespaceOutlivesExec(t *testing.T) {
	c := start(t, 1)
	id := c.ok("submit", "--setattr=system.exec.test.run_duration=100s", "true")
	c.ok("job", "wait-event", id, "start")
	ns := c.ok("job", "namespace", id)
	c.ok("kvs", "put", "--namespace="+ns, "a.b=42")
	c.ok("module", "reload", "job-exec")
	if v := c.ok("kvs", "get", "--namespace="+ns, "a.b"); v != "42" {
		t.Errorf("after a reload: %q", v)
	}
	c.ok("cancel", id)
	c.ok("job", "wait-event", id, "clean")
	if v := c.ok("kvs", "get", c.ok("job", "id", "--to=kvs", id)+".guest.a.b"); v != "42" {
		t.Errorf("after its end: %q", v)
	}
	if v := c.ok("job", "info", id, "guest.a.b"); v != "42" {
		t.Errorf("job info shows %q", v)
	}
	if v := c.ok("kvs", "namespace", "list"); strings.Contains(v, ns) {
		t.Errorf("the namespace is still there:\n%s", v)
	}
}
