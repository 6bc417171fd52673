// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"strings"
	"testing"
)

// flux proxy shares one connection among the clients of its command, and ends
// with it (flux-proxy(1)).
func TestProxy(t *testing.T) {
	c := start(t, 2)
	uri := c.ok("proxy", c.URI, "printenv", "FLUX_URI")
	if uri == c.URI || !strings.HasPrefix(uri, "local://") {
		t.Errorf("FLUX_URI is %s", uri)
	}
	if r := c.flux("proxy", c.URI, "sh", "-c", "'exit 3'"); r.code != 3 {
		t.Errorf("exit %d", r.code)
	}
	watchers := c.ok("module", "stats", "--parse", "watchers", "kvs-watch")
	script := writeFile(t, shortDir(t), "script", `set -e
flux run -n2 echo hello
flux kvs get --watch --count=1 --waitcreate proxied & # a stream and a request at a time
flux kvs put proxied=1
wait
flux event sub --count=1 hi > "$0.event" &
until test -s "$0.event"; do flux event pub hi; done
wait
`)
	if got := c.ok("proxy", c.URI, "sh", script); strings.Count(got, "hello") != 2 || !strings.Contains(got, "1") {
		t.Errorf("through the proxy: %q", got)
	}
	if r := c.flux("proxy", "local:///nowhere/local", "true"); r.code == 0 || !strings.Contains(r.stderr, "broker socket /nowhere/local was not found") {
		t.Errorf("no such instance: exit %d, %s", r.code, r.stderr)
	}
	// What ran below it is not remembered by anybody.
	c.until(watchers, "module", "stats", "--parse", "watchers", "kvs-watch")
}
