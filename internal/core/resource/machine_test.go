// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"goflux/eventlog"
	"goflux/hostlist"
	"goflux/idset"
	"goflux/rset"
)

const four = `{"version":1,"execution":{"R_lite":[{"rank":"0-3","children":{"core":"0-1"}}],` +
	`"starttime":0.0,"expiration":0.0,"nodelist":["fake[0-3]"]}}`

func parseR(t testing.TB, s string) *rset.R {
	t.Helper()
	r, err := rset.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// run carries out one line of a script and says what came of it: events, one a
// line, or the error.
func run(t testing.TB, m *Machine, now float64, line string) string {
	op, rest, _ := strings.Cut(line, " ")
	var events []Event
	var err error
	switch op {
	case "drain", "undrain":
		f := strings.SplitN(rest, " ", 3)
		req := DrainRequest{Targets: f[0]}
		if len(f) > 1 && f[1] != "-" {
			req.Mode = f[1]
		}
		if len(f) > 2 {
			req.Reason = &f[2]
		}
		if op == "drain" {
			events, _, err = m.Drain(now, req)
		} else {
			events, _, err = m.Undrain(now, req)
		}
	case "online":
		events = m.SetOnline(now, idset.MustParse(rest))
	case "torpid":
		events = m.SetTorpid(now, idset.MustParse(rest))
	case "exclude":
		events, err = m.SetExclude(now, rest)
	case "define":
		events = m.Define(now, parseR(t, four), rest)
	case "expire":
		events, err = m.Expire(now, 1234)
	case "restart":
		events = m.Restart(now)
	default:
		t.Fatalf("unknown step %q", line)
	}
	if err != nil {
		return "! " + told(err)
	}
	var out []string
	for _, e := range events {
		s := e.Entry.String()
		if e.Durable {
			s += " durable"
		}
		out = append(out, s)
	}
	return strings.Join(out, "\n")
}

func told(err error) string {
	var num syscall.Errno
	errors.As(err, &num)
	return num.Error() + ": " + err.Error()
}

func TestScript(t *testing.T) {
	m := New(4, hostlist.MustParse("fake[0-3]"))
	steps := []struct{ do, want string }{
		{"restart", `{"timestamp":1.0,"name":"restart","context":{"ranks":"0-3","online":"","nodelist":"fake[0-3]"}}`},
		{"drain fake1 - x", "! invalid argument: R is unavailable for mapping hostnames to ranks"},
		{"expire", "! no such file or directory: resources are not known yet"},
		{"define configuration", `{"timestamp":4.0,"name":"resource-define","context":{"method":"configuration"}} durable`},
		{"online 0-2", `{"timestamp":5.0,"name":"online","context":{"idset":"0-2"}}`},
		{"online 0,2-3", `{"timestamp":6.0,"name":"online","context":{"idset":"3"}}` + "\n" +
			`{"timestamp":6.0,"name":"offline","context":{"idset":"1"}}`},
		{"online 0,2-3", ""},
		{"torpid 2", `{"timestamp":8.0,"name":"torpid","context":{"idset":"2"}}`},
		{"torpid ", `{"timestamp":9.0,"name":"lively","context":{"idset":"2"}}`},
		{"drain 1", `{"timestamp":10.0,"name":"drain","context":{"idset":"1","nodelist":"fake1","overwrite":0}} durable`},
		{"drain 1 - late reason", `{"timestamp":11.0,"name":"drain","context":{"idset":"1","nodelist":"fake1","reason":"late reason","overwrite":0}} durable`},
		{"drain 0-1 - again", "! file exists: rank 1 already drained"},
		{"drain 0-1 update bad fan", `{"timestamp":13.0,"name":"drain","context":{"idset":"0-1","nodelist":"fake[0-1]","reason":"bad fan","overwrite":0}} durable`},
		{"drain 0-1 - again", "! file exists: ranks 0-1 already drained"},
		{"drain 1 overwrite other", `{"timestamp":15.0,"name":"drain","context":{"idset":"1","nodelist":"fake1","reason":"other","overwrite":1}} durable`},
		{"drain 0 force-overwrite new", `{"timestamp":16.0,"name":"drain","context":{"idset":"0","nodelist":"fake0","reason":"new","overwrite":2}} durable`},
		{"drain 0 sideways x", "! invalid argument: Invalid mode specified"},
		{"undrain 0 sideways", "! invalid argument: invalid undrain mode 'sideways' specified"},
		{"undrain 0-2", "! file exists: rank 2 not drained"},
		{"undrain 1-3", "! file exists: ranks 2-3 not drained"},
		{"undrain fake0", `{"timestamp":21.0,"name":"undrain","context":{"idset":"0","nodelist":"fake0","overwrite":0}} durable`},
		{"undrain 0 overwrite why", `{"timestamp":22.0,"name":"undrain","context":{"idset":"0","nodelist":"fake0","overwrite":1,"reason":"why"}} durable`},
		{"drain 77", "! invalid argument: idset is out of range"},
		{"drain [] - no", "! invalid argument: idset is empty"},
		{"drain nosuchhost - x", "! invalid argument: invalid targets: invalid hosts: nosuchhost"},
		{"exclude 1", `{"timestamp":26.0,"name":"undrain","context":{"idset":"1","nodelist":"fake1","overwrite":0}} durable`},
		{"drain 1 - x", "! invalid argument: rank 1 excluded"},
		{"drain 2 - x", `{"timestamp":28.0,"name":"drain","context":{"idset":"2","nodelist":"fake2","reason":"x","overwrite":0}} durable`},
		{"drain 1-2 - x", "! file exists: ranks 1-2 already drained or excluded"},
		{"exclude 4", "! invalid argument: exclude set 4 is out of range"},
		{"exclude badhost", "! invalid argument: error decoding exclude set badhost: invalid targets: invalid hosts: badhost"},
		{"exclude fake0", ""},
		{"expire", `{"timestamp":33.0,"name":"resource-update","context":{"expiration":1234.0}} durable`},
	}
	for i, s := range steps {
		if got := run(t, m, float64(i+1), s.do); got != s.want {
			t.Errorf("step %d %q:\n got %s\nwant %s", i+1, s.do, got, s.want)
		}
	}
	if m.R().Expiration != 1234 {
		t.Errorf("expiration %v", m.R().Expiration)
	}
}

func TestDrainTimes(t *testing.T) {
	m := New(4, nil)
	for i, s := range []string{
		"drain 0 - a", "drain 0 overwrite b", // keeps the time
		"drain 1 - a", "drain 1 force-overwrite c", // does not
		"drain 2", "drain 3 - a",
	} {
		run(t, m, float64(10*i)+0.4, s)
	}
	got := m.DrainInfos()
	want := map[string]DrainInfo{"0": {0, "b"}, "1": {30, "c"}, "2": {40, ""}, "3": {50, "a"}}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %v, want %v", k, got[k], v)
		}
	}
}

func TestAcquire(t *testing.T) {
	m := New(4, nil)
	if _, _, _, err := m.Acquire(); told(err) != "no such file or directory: resources are not known yet" {
		t.Fatal(err)
	}
	run(t, m, 1, "define dynamic-discovery")
	run(t, m, 2, "online 0-2")
	run(t, m, 3, "exclude 0")
	run(t, m, 4, "drain 1 - x")
	a, r, up, err := m.Acquire()
	if err != nil || r.Ranks().String() != "1-3" || up.String() != "2" {
		t.Fatalf("%v up %v, %v", r.Ranks(), up, err)
	}
	for i, s := range []struct{ do, up, down, shrink string }{
		{"undrain 1", "1", "", ""},
		{"drain 0 update x", "", "", ""},
		{"torpid 1", "", "1", ""},
		{"torpid ", "1", "", ""},
		{"online 0-3", "3", "", ""},
		{"online 0-2", "", "3", "3"},
		{"online 0-3", "", "", ""}, // gone is gone
		{"online 2", "", "1", "1"},
	} {
		run(t, m, float64(i+10), s.do)
		c := a.Update(m)
		if c.Up.String() != s.up || c.Down.String() != s.down || c.Shrink.String() != s.shrink {
			t.Errorf("%s: up %v down %v shrink %v", s.do, c.Up, c.Down, c.Shrink)
		}
	}
	if r, _ := m.Schedulable(); r.Ranks().String() != "2" {
		t.Errorf("schedulable: %v", r.Ranks())
	}
}

// TestReplay: what was live comes back from the log, from any checkpoint on.
func TestReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hosts := hostlist.MustParse("fake[0-3]")
		m := New(4, hosts)
		var log []eventlog.Entry
		checkpoint := (*Checkpoint)(nil)
		for i := range rapid.IntRange(0, 20).Draw(t, "steps") {
			now := float64(i + 1)
			req := DrainRequest{
				Targets: idset.New(rapid.SliceOfN(rapid.Uint32Range(0, 3), 1, 3).Draw(t, "targets")...).String(),
				Mode:    rapid.SampledFrom([]string{"update", "overwrite", "force-overwrite"}).Draw(t, "mode"),
			}
			if r := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "reason"); r != "" {
				req.Reason = &r
			}
			do := m.Drain
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				do = m.Undrain
			case 1:
				checkpoint = m.Checkpoint(now)
				continue
			}
			events, _, err := do(now, req)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				log = append(log, e.Entry)
			}
		}
		again := New(4, hosts)
		if err := again.Replay(checkpoint, Truncated(log, checkpoint, 100, 0)); err != nil {
			t.Fatal(err)
		}
		got, want := again.DrainInfos(), m.DrainInfos()
		if len(got) != len(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		for k, v := range want {
			if got[k] != v {
				t.Fatalf("%s: got %v, want %v", k, got[k], v)
			}
		}
	})
}

func TestReplayMoved(t *testing.T) {
	for _, c := range []struct{ log, want string }{
		{`{"timestamp":1,"name":"drain","context":{"idset":"1-2","nodelist":"fake[1-2]","reason":"u","overwrite":0}}`, "1-2"},
		{`{"timestamp":1,"name":"drain","context":{"idset":"1-2","nodelist":"fake[2-3]","reason":"u","overwrite":0}}`, "2-3"},
		{`{"timestamp":1,"name":"drain","context":{"idset":"1-2","nodelist":"fake[3-4]","reason":"u","overwrite":0}}`, "3"},
		{`{"timestamp":1,"name":"drain","context":{"idset":"42","nodelist":"fake42","reason":"","overwrite":0}}`, ""},
		{`{"timestamp":1,"name":"drain","context":{"idset":"0-4294967294","nodelist":""}}`, "0-3"},
		{`{"timestamp":1,"name":"drain","context":{}}`, "! line 1: drain: idset is missing"},
		{`{"timestamp":1,"name":"undrain","context":{}}`, "! line 1: undrain: idset is missing"},
	} {
		m := New(4, hostlist.MustParse("fake[0-3]"))
		log, err := eventlog.Parse([]byte(c.log + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := m.Replay(nil, log); err != nil {
			got = "! " + err.Error()
		} else {
			got = m.Drained().String()
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.log, got, c.want)
		}
	}
}

func TestJournal(t *testing.T) {
	names := func(j *Journal) string {
		var s []string
		for e := range j.All() {
			s = append(s, e.Name)
		}
		return strings.Join(s, " ")
	}
	j := NewJournal(3, []eventlog.Entry{
		{Timestamp: 1, Name: "resource-define"}, {Timestamp: 2, Name: "drain"}, {Timestamp: 3, Name: "online"},
	})
	j.Add(eventlog.Entry{Timestamp: 4, Name: "restart"})
	j.Add(eventlog.Entry{Timestamp: 5, Name: "online"})
	if got := names(j); got != "drain restart online" {
		t.Error(got)
	}
	j.Add(eventlog.Entry{Timestamp: 6, Name: "offline"})
	if got := names(j); got != "truncate online offline" {
		t.Error(got)
	}
	for e := range j.All() {
		if e.Timestamp != 4 {
			t.Errorf("truncate at %v", e.Timestamp)
		}
		break
	}
	j.SetMax(2)
	if got := names(j); got != "truncate offline" {
		t.Error(got)
	}
	j.SetMax(1)
	if got := names(j); got != "truncate" {
		t.Error(got)
	}
}

func TestUpgrade(t *testing.T) {
	const old = `{"timestamp":1,"name":"drain","context":{"idset":"0","reason":"x"}}
{"timestamp":2,"name":"resource-init","context":{"restart":true,"drain":{"2":{"timestamp":1.5,"reason":"y"},"0-1":{"timestamp":1.25},"9":{"timestamp":1.0}},"online":"","exclude":""}}
{"timestamp":3,"name":"online","context":{"idset":"1"}}
{"timestamp":4,"name":"resource-define","context":{"method":"configuration"}}
{"timestamp":5,"name":"undrain","context":{"idset":"1"}}
{"timestamp":6,"name":"drain","context":{"idset":"7","reason":"gone"}}
{"timestamp":7,"name":"drain","context":{"idset":"3","nodelist":"fake3","overwrite":0}}
`
	const want = `{"timestamp":1.25,"name":"drain","context":{"idset":"0-1","nodelist":"fake[0-1]","overwrite":0}}
{"timestamp":1.5,"name":"drain","context":{"idset":"2","nodelist":"fake2","reason":"y","overwrite":0}}
{"timestamp":4.0,"name":"resource-define","context":{"method":"configuration"}}
{"timestamp":5.0,"name":"undrain","context":{"idset":"1","nodelist":"fake1"}}
{"timestamp":7.0,"name":"drain","context":{"idset":"3","nodelist":"fake3","overwrite":0}}
`
	m := New(4, hostlist.MustParse("fake[0-3]"))
	log, err := eventlog.Parse([]byte(old))
	if err != nil {
		t.Fatal(err)
	}
	upgraded, isOld, err := m.Upgrade(log)
	if err != nil || !isOld {
		t.Fatal(isOld, err)
	}
	var got []byte
	for _, e := range upgraded {
		got = e.Append(got)
	}
	if string(got) != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if _, isOld, err := m.Upgrade(upgraded); isOld || err != nil {
		t.Error("upgraded twice", err)
	}
	if err := m.Replay(nil, upgraded); err != nil || m.Drained().String() != "0,2-3" {
		t.Error(m.Drained(), err)
	}
	if _, _, err := m.Upgrade([]eventlog.Entry{{Timestamp: 1, Name: "resource-init", Context: []byte(`{"drain":7}`)}}); err == nil {
		t.Error("a malformed event was taken")
	}
}
