// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"fmt"
	"strings"
	"testing"
)

// refused checks that a command has failed with words for a person, one of
// which is given, and has not crashed.
func refused(t *testing.T, r result, word string) {
	t.Helper()
	shown := strings.Join(r.args[1:], " ")
	if len(shown) > 100 {
		shown = shown[:100] + "…"
	}
	switch {
	case r.code == 0:
		t.Errorf("flux %s is accepted: %q", shown, r.stdout)
	case strings.TrimSpace(r.stderr) == "":
		t.Errorf("flux %s: exit %d without a word", shown, r.code)
	case strings.Contains(r.stderr, "goroutine ") || strings.Contains(r.stderr, "panic:"):
		t.Errorf("flux %s crashes:\n%s", shown, r.stderr)
	case !strings.Contains(strings.ToLower(r.stderr), strings.ToLower(word)):
		t.Errorf("flux %s: %q does not speak of %q", shown, r.stderr, word)
	case len(r.stderr) > 4096:
		t.Errorf("flux %s: %d bytes of complaint", shown, len(r.stderr))
	}
}

// Bad input through the command line, as job requests and as KVS keys: each is
// answered with an error, and the brokers live.
func TestBadInput(t *testing.T) {
	c := start(t, 2)
	for _, door := range []struct {
		name string
		test func(*testing.T, *cluster)
	}{
		{"command line", badCommandLines},
		{"jobspec", badJobspecs},
		{"KVS", badKeys},
		{"configuration", badLoads},
		{"socket", badFrames},
	} {
		t.Run(door.name, func(t *testing.T) {
			c := &cluster{c.Instance, t}
			door.test(t, c)
			c.alive()
		})
	}
	if got := c.ok("run", "echo", "still here"); got != "still here" {
		t.Errorf("a job after all that: %q", got)
	}
}

func badCommandLines(t *testing.T, c *cluster) {
	for _, e := range []struct {
		word string
		args []string
	}{
		{"nosuchcommand", []string{"nosuchcommand"}},
		{"option", []string{"run", "--nosuchoption", "true"}},
		{"command", []string{"run"}},
		{"", []string{"run", "-n", "-1", "true"}},
		{"", []string{"run", "-n", "many", "true"}},
		{"node", []string{"run", "-N2", "-n1", "true"}},
		{"duration", []string{"run", "-t", "soon", "true"}},
		{"urgency", []string{"submit", "--urgency=99", "true"}},
		{"nosuch", []string{"submit", "--dependency=nosuch:1", "true"}},
		{"nosuch", []string{"submit", "--queue=nosuch", "true"}},
		{"host", []string{"submit", "--requires=hosts:nosuchhost", "true"}},
		{"", []string{"submit", "--requires=and or", "true"}},
		{"", []string{"submit", "--cc=9-1", "true"}},
		{"nosuch", []string{"submit", "--flags=nosuch", "true"}},
		{"", []string{"job", "eventlog", "notajob"}},
		{"", []string{"job", "attach", "ƒ"}},
		{"", []string{"job", "info", "99999999999999999999999", "R"}},
		{"", []string{"job", "eventlog", "123456789"}},
		{"", []string{"cancel", "123456789"}},
		{"", []string{"jobs", "-o", "{nosuchfield}"}},
		{"", []string{"jobs", "-o", "{id"}},
		{"filter", []string{"jobs", "--filter=nosuch"}},
		{"", []string{"getattr", "nosuch"}},
		{"", []string{"setattr", "rank", "7"}},
		{"", []string{"resource", "drain", "99", "why"}},
		{"", []string{"resource", "drain", "nosuchhost"}},
		{"", []string{"queue", "enable", "nosuch"}},
		{"", []string{"module", "load", "nosuch"}},
		{"", []string{"module", "remove", "nosuch"}},
		{"", []string{"ping", "--count=1", "--rank=99", "broker"}},
		{"", []string{"ping", "--count=1", "nosuch"}},
		{"", []string{"exec", "-r", "0-99", "true"}},
		{"", []string{"exec", "-r", "x", "true"}},
	} {
		refused(t, c.flux(e.args...), e.word)
	}
}

func badKeys(t *testing.T, c *cluster) {
	c.ok("kvs", "put", "file=1")
	c.ok("kvs", "link", "loop2", "loop1")
	c.ok("kvs", "link", "loop1", "loop2")
	for _, e := range []struct {
		word string
		args []string
	}{
		{"", []string{"kvs", "get", ""}},
		{"", []string{"kvs", "get", "nosuch"}},
		{"", []string{"kvs", "get", "file.below"}},
		{"", []string{"kvs", "get", "nosuch.nosuch.nosuch"}},
		{"directory", []string{"kvs", "get", "."}},
		{"", []string{"kvs", "get", "loop1"}},
		{"", []string{"kvs", "get", "--at=garbage", "file"}},
		{"", []string{"kvs", "get", "--namespace=nosuch", "file"}},
		{"", []string{"kvs", "put", "=1"}},
		{"", []string{"kvs", "put", "novalue"}},
		{"", []string{"kvs", "put", "--treeobj", "x=garbage"}},
		{"", []string{"kvs", "put", "--treeobj", `x={"ver":99,"type":"val","data":""}`}},
		{"", []string{"kvs", "put", "--treeobj", `x={"ver":1,"type":"nosuch","data":""}`}},
		{"", []string{"kvs", "put", "--treeobj", `x={"ver":1,"type":"valref","data":["sha1-xyz"]}`}},
		{"", []string{"kvs", "put", "--namespace=nosuch", "x=1"}},
		{"", []string{"kvs", "put", ".=1"}},
		{"", []string{"kvs", "dir", "file"}},
		{"", []string{"kvs", "dir", "nosuch"}},
		{"", []string{"kvs", "ls", "nosuch"}},
		{"", []string{"kvs", "readlink", "file"}},
		{"", []string{"kvs", "copy", "nosuch", "elsewhere"}},
		{"", []string{"kvs", "namespace", "remove", "primary"}},
		{"", []string{"kvs", "namespace", "create", "primary"}},
	} {
		refused(t, c.flux(e.args...), e.word)
	}
	if got := c.ok("kvs", "get", "file"); got != "1" {
		t.Errorf("file is now %q", got)
	}
}

// badLoads gives a running instance configurations that are not.
func badLoads(t *testing.T, c *cluster) {
	for _, toml := range badTOML {
		r := c.fluxInput(toml, "config", "load")
		r.args = append(r.args, "<<", fmt.Sprintf("%.60q", toml))
		refused(t, r, "")
	}
}

// badTOML are mistakes of every kind: in the grammar, in a key's type, in a
// value's meaning.
var badTOML = []string{
	"[",
	"a = ",
	"a = 1\na = 2\n",
	"a = \"no end\n",
	"[a]\n[a]\n",
	"\x00",
	"\xff\xfe = 1\n",
	strings.Repeat("[", 100000),
	"a = " + strings.Repeat("[", 100000) + "\n",
	"resource = 5\n",
	"[resource]\nexclude = 5\n",
	"[resource]\nexclude = \"not-an-idset[\"\n",
	"[policy]\nlimits = 1\n",
	"[policy.limits]\nduration = \"a while\"\n",
	"[policy.limits]\njob-size.max.nnodes = \"many\"\n",
	"[policy.jobspec.defaults.system]\nqueue = 5\n",
	"[queues]\nq = 5\n",
	"[queues.q]\nrequires = 5\n",
	"[queues.q]\nnosuchkey = 1\n",
	"[job-manager]\ninactive-age-limit = \"an age\"\n",
	"[ingest]\nvalidator = 5\n",
}
