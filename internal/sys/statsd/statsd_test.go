// SPDX-License-Identifier: LGPL-3.0-or-later

package statsd_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"goflux/internal/sys/statsd"
)

func TestGauges(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c, err := statsd.Open(server.LocalAddr().String(), "flux.3")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Gauges(statsd.Gauge{Name: "a.count", Value: 5}, statsd.Gauge{Name: "a.size", Value: -1})
	read := func() string {
		buf := make([]byte, 9000)
		if err := server.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, _, err := server.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	if got, want := read(), "flux.3.a.count:5|g\nflux.3.a.size:-1|g"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var many []statsd.Gauge
	for i := range 200 {
		many = append(many, statsd.Gauge{Name: fmt.Sprintf("figure%d", i), Value: 1})
	}
	c.Gauges(many...)
	for lines := 0; lines < len(many); {
		packet := read()
		if len(packet) > 1440 {
			t.Errorf("a packet of %d bytes", len(packet))
		}
		lines += strings.Count(packet, "\n") + 1
	}
}

func TestBadAddresses(t *testing.T) {
	for _, addr := range []string{"", "localhost", "127.0.0.1:nosuchport"} {
		if c, err := statsd.Open(addr, "x"); err == nil {
			c.Close()
			t.Errorf("%q is taken", addr)
		}
	}
}
