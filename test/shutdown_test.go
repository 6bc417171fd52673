// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// flux shutdown of an instance that is a job tells what happens until it is
// over, rc3 included (flux-shutdown(1)); flux uri finds it (flux-uri(1)).
func TestShutdownOfJob(t *testing.T) {
	c := start(t, 1)
	script := filepath.Join(shortDir(t), "script")
	text := "#!/bin/sh\n" + fluxPath() + " --parent job memo $(" + fluxPath() + " getattr jobid) ready=yes\nsleep inf\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	id := c.ok("batch", "-n1", script)
	c.ok("job", "wait-event", "-t30", "-m", "ready=yes", id, "memo")
	uri := c.ok("uri", "--wait", "--local", id)
	if !strings.HasPrefix(uri, "local:///") || c.ok("uri", id+"?local") != uri || c.ok("uri", "--remote", "local:///x") == "local:///x" {
		t.Errorf("the instance is at %q", uri)
	}
	r := c.flux("shutdown", id)
	if r.code != 0 || !strings.Contains(r.stderr, "rc3-success: finalize->goodbye") {
		t.Errorf("exit %d\n%s", r.code, r.stderr)
	}
	if r := c.flux("uri", "12345"); r.code != 1 || !strings.Contains(r.stderr, "jobid 12345 not found") {
		t.Errorf("of no job: exit %d, %s", r.code, r.stderr)
	}
}
