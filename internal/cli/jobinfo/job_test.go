// SPDX-License-Identifier: LGPL-3.0-or-later

package jobinfo

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"goflux/internal/cli/outfmt"
	"goflux/jobid"
)

var noon = time.Date(2026, 6, 17, 12, 0, 0, 0, time.UTC)

func parse(t *testing.T, text string) *Job {
	t.Helper()
	j, err := Parse([]byte(text), noon)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return j
}

func TestFields(t *testing.T) {
	now := float64(noon.Unix())
	f := NewFields(jobid.ID.F58)
	for _, c := range []struct{ job, field, want string }{
		{`{"id":354502574080}`, "id", "ƒAK7BMbD"},
		{`{"id":354502574080}`, "id.dec", "354502574080"},
		{`{"id":354502574080}`, "id.words", "ibiza-member-educate--bravo-academy-academy"},
		{`{"id":1,"userid":0}`, "username", "root"},
		{`{"id":1}`, "priority", ""},
		{`{"id":1,"priority":4294967295}`, "priority", "4294967295"},
		{`{"id":1,"state":8}`, "status", "SCHED"},
		{`{"id":1,"state":64,"result":2}`, "status_abbrev", "F"},
		{`{"id":1,"state":64,"result":1}`, "state_single", "I"},
		{`{"id":1,"state":16}`, "result", ""},
		{`{"id":1,"success":false}`, "success", "False"},
		{`{"id":1}`, "success", ""},
		{`{"id":1,"duration":300}`, "duration", "300.0"},
		{fmt.Sprintf(`{"id":1,"state":16,"t_run":%f}`, now-90), "runtime", "90.0"},
		{`{"id":1,"state":64,"t_run":10,"t_cleanup":12.5}`, "runtime", "2.5"},
		{fmt.Sprintf(`{"id":1,"state":16,"expiration":%f}`, now+60), "t_remaining", "60.0"},
		{fmt.Sprintf(`{"id":1,"state":8,"expiration":%f}`, now+60), "t_remaining", "0.0"},
		{`{"id":1,"state":64,"result":4}`, "returncode", "-128"},
		{`{"id":1,"state":64,"result":2}`, "returncode", "1"},
		{`{"id":1,"state":64,"result":2,"waitstatus":9}`, "returncode", "-9"},
		{`{"id":1,"state":64,"result":2,"waitstatus":768}`, "returncode", "3"},
		{`{"id":1,"state":16}`, "returncode", ""},
		{`{"id":1,"state":4}`, "contextual_info", "priority-wait"},
		{`{"id":1,"state":2,"dependencies":["a=1","b"]}`, "contextual_info", "depends:a=1,b"},
		{`{"id":1,"state":8,"urgency":0,"priority":0}`, "contextual_info", "held"},
		{`{"id":1,"state":8,"urgency":16,"priority":0}`, "contextual_info", "priority-hold"},
		{`{"id":1,"state":8,"urgency":16,"priority":16}`, "contextual_info", ""},
		{fmt.Sprintf(`{"id":1,"state":8,"annotations":{"sched":{"t_estimate":%f}}}`, now+30), "contextual_info", "eta:30s"},
		{`{"id":1,"state":8,"annotations":{"sched":{"t_estimate":1}}}`, "contextual_info", "eta:now"},
		{`{"id":1,"state":16,"nodelist":"n[1-2]"}`, "contextual_info", "n[1-2]"},
		{`{"id":1,"state":8,"duration":5}`, "contextual_time", "5.0"},
		{fmt.Sprintf(`{"id":1,"dependencies":["begin-time=%d"]}`, noon.Unix()+3600), "dependencies", "begin@13:00"},
		{fmt.Sprintf(`{"id":1,"dependencies":["begin-time=%d.5"]}`, noon.Unix()+86401), "dependencies", "begin@Jun18-12:00:01"},
		{`{"id":1,"dependencies":["begin-time=x"]}`, "dependencies", "begin-time=x"},
		{`{"id":1,"annotations":{"user":{"a":{"b":1}}}}`, "user.a.b", "1"},
		{`{"id":1,"annotations":{"user":{"a":{"b":1}}}}`, "annotations.user.a", `{"b": 1}`},
		{`{"id":1,"annotations":{"user":{"a":1}}}`, "user.a.b.c", ""},
		{`{"id":1}`, "annotations", ""},
		{`{"id":1,"annotations":{"user":{"uri":"ssh://h//tmp/x"}}}`, "uri.local", "local:///tmp/x"},
		{`{"id":1,"annotations":{"user":{"uri":"local:///tmp/x"}}}`, "uri", "local:///tmp/x"},
		{`{"id":1}`, "uri", "None"},
		{`{"id":1}`, "instance.stats", ""},
		{`{"id":1,"exception_occurred":true,"exception_severity":0}`, "exception.severity", "0"},
		{`{"id":1,"exception_occurred":false}`, "exception.severity", ""},
		{`{"id":1,"state":64,"result":1,"waitstatus":0}`, "inactive_reason", "Exit 0"},
		{`{"id":1,"state":64,"result":2,"waitstatus":32512}`, "inactive_reason", "command not found"},
		{`{"id":1,"state":64,"result":2,"waitstatus":35072}`, "inactive_reason", "Killed"},
		{`{"id":1,"state":64,"result":8}`, "inactive_reason", "Timeout"},
		{`{"id":1,"state":64,"result":4,"exception_type":"cancel","exception_note":"why"}`, "inactive_reason", "Canceled: why"},
		{`{"id":1,"state":64,"result":2,"exception_occurred":true,"exception_severity":0,"exception_type":"x","exception_note":"n"}`, "inactive_reason", "Exception: type=x note=n"},
		{`{"id":1,"state":16}`, "inactive_reason", ""},
	} {
		if got := outfmt.Text(f.Of(parse(t, c.job), c.field)); got != c.want {
			t.Errorf("%s of %s is %q, want %q", c.field, c.job, got, c.want)
		}
	}
}

// TestEveryFieldHasAttributes: a field without what it needs would stay empty.
func TestEveryFieldHasAttributes(t *testing.T) {
	for name, f := range fields(jobid.ID.F58) {
		if f.heading == "" || f.attrs == nil && !strings.HasPrefix(name, "id") {
			t.Errorf("%s: %+v", name, f)
		}
	}
	got := Attrs([]string{"id.f58", "status", "user.a", "instance.stats", "runtime"})
	if want := []string{"annotations", "result", "state", "t_cleanup", "t_run"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestHeadings(t *testing.T) {
	h := Headings("{id} {annotations.sched.t_estimate} {sched.reason_pending:>4} {user.foo.bar!d:x} {instance.stats.running} {instance.resources.all.ncores} {instance.resources.free.ngpus} {annotations.x}")
	for name, want := range map[string]string{
		"id": "JOBID", "annotations.sched.t_estimate": "T_ESTIMATE", "sched.reason_pending": "REASON",
		"user.foo.bar": "USER.FOO.BAR", "instance.stats.running": "STATS.RUNNING",
		"instance.resources.all.ncores": "CORES", "instance.resources.free.ngpus": "FREE", "annotations.x": "X",
	} {
		if h[name] != want {
			t.Errorf("%s: %q, want %q", name, h[name], want)
		}
	}
	if _, ok := h["nosuch"]; ok {
		t.Error("nosuch is known")
	}
}

func TestSortByID(t *testing.T) {
	format, err := outfmt.Parse("sort:-id {id.dec}", Headings(""))
	if err != nil {
		t.Fatal(err)
	}
	f := NewFields(jobid.ID.F58)
	var rows []outfmt.Item
	for _, id := range []string{"9", "100", "58", "3500000000000001"} {
		j := parse(t, `{"id":`+id+`}`)
		rows = append(rows, outfmt.ItemFunc(func(name string) any { return f.Of(j, name) }))
	}
	var b strings.Builder
	if err := outfmt.Print(format, &b, rows, outfmt.Options{NoHeader: true}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != "3500000000000001\n100\n58\n9\n" {
		t.Errorf("%q", got)
	}
}

func TestJSON(t *testing.T) {
	j := parse(t, `{"id":1,"userid":0,"state":64,"result":2,"waitstatus":256,"t_submit":1,"t_run":2,"t_cleanup":3,"name":"x","ntasks":1,
		"annotations":{"user":{"uri":"local:///x"}},"exception_occurred":true,"exception_severity":0,"exception_type":"exec","exception_note":""}`)
	got, err := (&Tree{Job: j, Children: []*Tree{{Job: parse(t, `{"id":2,"state":8,"exception_occurred":false}`)}}}).JSON(jobid.ID.F58)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"t_run": 2.0, "t_cleanup": 3.0, "duration": 0.0, "name": "x", "ntasks": 1, "result": "FAILED", "waitstatus": 256, "id": 1, "t_submit": 1.0, "state": "INACTIVE", "username": "root", "userid": 0, "urgency": 0, "runtime": 1.0, "status": "FAILED", "returncode": 1, "dependencies": [], "jobid": "ƒ2", "annotations": {}, "exception": {"occurred": true, "severity": 0, "type": "exec", "note": ""}, "uri": "local:///x", "jobs": [{"duration": 0.0, "id": 2, "state": "SCHED", "username": "root", "userid": 0, "urgency": 0, "status": "SCHED", "dependencies": [], "jobid": "ƒ3", "annotations": {}, "exception": {"occurred": false}}]}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestParseFilter(t *testing.T) {
	for word, want := range map[string][2]int{
		"pending": {14, 0}, "Running": {48, 0}, "active": {62, 0}, "inactive": {64, 0}, "cleanup": {32, 0},
		"completed": {0, 1}, "FAILED": {0, 2}, "canceled": {0, 4}, "timeout": {0, 8},
	} {
		if s, r, ok := ParseFilter(word); !ok || s != want[0] || r != want[1] {
			t.Errorf("%s: %d, %d, %v", word, s, r, ok)
		}
	}
	for _, word := range []string{"", "R", "CD", "new", "foo"} {
		if _, _, ok := ParseFilter(word); ok {
			t.Errorf("%q was accepted", word)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"id":1,"state":8,"annotations":{"sched":{"t_estimate":1e300}},"dependencies":["begin-time=1e99"],"waitstatus":65535}`))
	known := NewFields(jobid.ID.F58)
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := Parse(data, noon)
		if err != nil {
			return
		}
		for name := range fields(jobid.ID.F58) {
			if !strings.HasPrefix(name, "user") { // which asks the system
				_ = outfmt.Text(known.Of(j, name))
			}
		}
	})
}
