// SPDX-License-Identifier: LGPL-3.0-or-later

package content_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"goflux/internal/service/content"
	"goflux/internal/sys/statsd"
	"goflux/internal/testkit/host"
)

// TestFigures: a monitoring system gets the cache's figures with a heartbeat.
func TestFigures(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c, err := statsd.Open(server.LocalAddr().String(), "flux.0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := host.Start(t, host.Options{Shared: map[string]any{"statsd": c}})
	b.Load(content.Service())
	if err := b.Owner().RPC("event.publish", map[string]any{"topic": "heartbeat.pulse", "flags": 0}, nil); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2000)
	if err := server.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, _, err := server.ReadFrom(buf)
	if err != nil || !strings.Contains(string(buf[:n]), "flux.0.content-cache.count:0|g\n") {
		t.Errorf("%q, %v", buf[:n], err)
	}
}
