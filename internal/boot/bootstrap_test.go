// SPDX-License-Identifier: LGPL-3.0-or-later

package boot

import (
	"strings"
	"testing"

	"goflux/internal/config"
)

func bootstrap(t *testing.T, text string) config.Table {
	t.Helper()
	conf, err := config.ParseTOML([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return conf
}

func TestBootstrap(t *testing.T) {
	conf := bootstrap(t, `
[bootstrap]
curve_cert = "/etc/flux/system/curve.cert"
default_port = 8050
default_bind = "tcp://eth0:%p"
default_connect = "tcp://%h:%p"
hosts = [
  { host = "a[0-2]", parent = "b" },
  { host = "a1", connect = "ipc:///run/%h" },
  { host = "b" },
]`)
	table, err := parseBootstrap(conf, "a1")
	if err != nil {
		t.Fatal(err)
	}
	if len(table.list) != 4 || table.rank != 1 || table.curveCert == "" {
		t.Fatalf("%d hosts, rank %d, certificate %q", len(table.list), table.rank, table.curveCert)
	}
	if h := *table.list[1]; h != (host{"a1", "tcp://eth0:8050", "ipc:///run/a1", "b"}) {
		t.Errorf("a1 is %+v", h)
	}
	if h := *table.list[3]; h != (host{"b", "tcp://eth0:8050", "tcp://b:8050", ""}) {
		t.Errorf("b is %+v", h)
	}
}

func TestBootstrapAlone(t *testing.T) {
	table, err := parseBootstrap(config.Table{}, "me")
	if err != nil || len(table.list) != 1 || table.rank != 0 {
		t.Errorf("without hosts: %+v, %v", table, err)
	}
}

func TestBootstrapErrors(t *testing.T) {
	for text, want := range map[string]string{
		`default_port = 65536`:                               "range",
		`nonsense = 1`:                                       "nonsense",
		`hosts = [ 42 ]`:                                     "Expected object",
		`hosts = [ { bind = "tcp://a:1" } ]`:                 "missing",
		`hosts = [ { host = "x[" } ]`:                        "hostlist",
		`hosts = [ { host = "other" } ]`:                     "me not found in hosts",
		`hosts = [ { host = "me,you" } ]`:                    "curve_cert",
		`hosts = [ { host = "me", parent = "me" } ]`:         "self",
		`hosts = [ { host = "me", parent = "you" } ]`:        "unknown host",
		`hosts = [ { host = "me", bind = "eth0:1" } ]`:       "no URI scheme",
		`hosts = [ { host = "me", bind = "udp://a:1" } ]`:    "tcp or ipc",
		`hosts = [ { host = "me", bind = "tcp://a:*" } ]`:    "wildcard",
		`hosts = [ { host = "-me" } ]`:                       "must not start",
		`hosts = [ { host = "me", connect = "tcp://" } ]`:    "empty",
		`hosts = [ { host = "me", connect = "tcp", a = 1 }]`: "a",
	} {
		_, err := parseBootstrap(bootstrap(t, "[bootstrap]\n"+text), "me")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestCards(t *testing.T) {
	c := &card{Host: "a", Pubkey: "k", URIs: []string{"ipc:///x", "tcp://a:1"}}
	back, err := decodeCard(c.encode())
	if err != nil || back.Host != "a" || back.Pubkey != "k" {
		t.Fatalf("%+v, %v", back, err)
	}
	if back.uri("tcp://") != "tcp://a:1" || back.uri("udp://") != "ipc:///x" {
		t.Errorf("endpoints of %+v", back)
	}
	for _, bad := range []string{"", "{}", "cGxhaW4=", `{"host":1}`} {
		if _, err := decodeCard(bad); err == nil {
			t.Errorf("card %q is taken", bad)
		}
	}
}

func TestCriticalRanks(t *testing.T) {
	for text, ok := range map[string]bool{"0": true, "0-3": true, "0,4": false, "x": false, "": false} {
		if err := checkCritical(text, 4); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
