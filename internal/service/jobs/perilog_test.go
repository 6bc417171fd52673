// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"goflux/internal/core/job"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// table is a table of the configuration.
type table = map[string]any

// configure gives the job manager a configuration.
func (in *instance) configure(manager table) error {
	in.b.SetConfig(table{"job-manager": manager})
	return in.rpc("job-manager.config-reload", nil, nil)
}

// site is an instance that can run commands, with perilog.so and a configuration.
func site(t *testing.T, dir string, manager table) *instance {
	t.Helper()
	in := start(t, dir)
	if err := in.rpc("job-manager.jobtap", rpc.Jobtap{Load: "perilog.so"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := in.configure(manager); err != nil {
		t.Fatal(err)
	}
	return in
}

func shell(script string) table { return table{"command": []any{"sh", "-c", script}} }

// from are the events of a job from one on.
func from(events []string, first string) []string {
	return events[max(slices.Index(events, first), 0):]
}

func TestPrologAndEpilogCommands(t *testing.T) {
	out := t.TempDir() + "/out"
	say := func(what string) table {
		return shell(fmt.Sprintf("echo %s $FLUX_JOB_ID $FLUX_JOB_USERID $FLUX_JOB_RANKS >>%s", what, out))
	}
	in := site(t, t.TempDir(), table{"prolog": say("prolog"), "epilog": say("epilog")})
	defer in.stop()
	id := in.mustSubmit("a", "0.001s", 16, 0)
	want := []string{"alloc", "prolog-start", "prolog-finish", "start", "finish", "epilog-start", "release", "epilog-finish", "free", "clean"}
	if d := cmp.Diff(want, from(in.follow(id, "eventlog"), "alloc")); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	text := fmt.Sprintf("prolog %[1]s %[2]d 0\nepilog %[1]s %[2]d 0\n", id, syscall.Getuid())
	if got := readFile(t, out); got != text {
		t.Errorf("commands said\n%swant\n%s", got, text)
	}
}

// A prolog that fails ends the job and has an epilog all the same; an epilog
// that fails does not.
func TestPerilogFailure(t *testing.T) {
	in := site(t, t.TempDir(), table{"prolog": shell("exit 3"), "epilog": shell("kill $$")})
	defer in.stop()
	id := in.mustSubmit("a", "0.001s", 16, 0)
	want := []string{"alloc", "prolog-start", "exception", "prolog-finish", "epilog-start", "exception", "epilog-finish", "free", "clean"}
	if d := cmp.Diff(want, from(in.follow(id, "eventlog"), "alloc")); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	j := in.state(id)
	if j["exception_type"] != "prolog" || !strings.HasPrefix(fmt.Sprint(j["exception_note"]), "prolog exited with code=3 on ") {
		t.Errorf("failed prolog: %v", j)
	}
	if err := in.configure(table{"epilog": shell("kill $$")}); err != nil {
		t.Fatal(err)
	}
	id = in.mustSubmit("b", "0.001s", 16, 0)
	in.follow(id, "eventlog")
	if j := in.state(id); j["result"] != int64(job.Completed) || j["exception_severity"] != int64(2) {
		t.Errorf("failed epilog: %v", j)
	}
}

func TestPrologCanceled(t *testing.T) {
	in := site(t, t.TempDir(), table{"prolog": table{"command": []any{"sleep", "60"}, "timeout": "0"}})
	defer in.stop()
	id := in.mustSubmit("a", "0.001s", 16, 0)
	in.waitEvent(id, "prolog-start")
	var q struct {
		Procs map[string]table `json:"procs"`
	}
	if err := in.rpc("job-manager.jobtap-query", rpc.JobtapQuery{Name: "perilog.so"}, &q); err != nil {
		t.Fatal(err)
	}
	if p := q.Procs[id.String()]; p["name"] != "prolog" || p["active_ranks"] != "0" || p["remaining_time"] != int64(-1) {
		t.Errorf("query: %v", q)
	}
	if err := in.rpc("job-manager.raise", rpc.JobRaise{ID: id, Type: "cancel"}, nil); err != nil {
		t.Fatal(err)
	}
	want := []string{"alloc", "prolog-start", "exception", "prolog-finish", "free", "clean"}
	if d := cmp.Diff(want, from(in.follow(id, "eventlog"), "alloc")); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
}

// A prolog and housekeeping that were under way when the instance ended are run
// again by the next one.
func TestSiteCommandsAfterRestart(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()+"/out"
	slow := table{"prolog": table{"command": []any{"sleep", "60"}}}
	in := site(t, dir, slow)
	id := in.mustSubmit("a", "0.001s", 16, 0)
	in.waitEvent(id, "prolog-start")
	in.stop()

	config := table{"job-manager": table{
		"plugins": []any{table{"load": "perilog.so"}}, "prolog": shell("echo prolog >>" + out),
		"housekeeping": table{"command": []any{"sleep", "60"}},
	}}
	in = startWith(t, dir, config)
	want := []string{"prolog-start", "prolog-finish", "start", "finish", "release", "free", "clean"}
	if d := cmp.Diff(want, from(in.follow(id, "eventlog"), "prolog-start")); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	if got := in.housekeeping(); len(got) != 1 || got[id.String()].Allocated != "0" {
		t.Errorf("housekeeping: %v", got)
	}
	in.stop()

	config["job-manager"].(table)["housekeeping"] = shell("echo housekeeping >>" + out)
	in = startWith(t, dir, config)
	defer in.stop()
	for len(in.housekeeping()) > 0 {
		in.rpc("job-manager.sync", nil, nil) //nolint:errcheck // passes the time
	}
	if got := readFile(t, out); got != "prolog\nhousekeeping\n" {
		t.Errorf("commands said %q", got)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func (in *instance) housekeeping() map[string]rpc.HousekeepingJob {
	in.t.Helper()
	var s struct {
		H rpc.HousekeepingStats `json:"housekeeping"`
	}
	if err := in.rpc("job-manager.stats-get", nil, &s); err != nil {
		in.t.Fatal(err)
	}
	return s.H.Running
}

func TestHousekeepingKill(t *testing.T) {
	in := site(t, t.TempDir(), table{"housekeeping": table{"command": []any{"sleep", "60"}}})
	defer in.stop()
	ids := []jobid.ID{in.mustSubmit("a", "0.001s", 16, 0), in.mustSubmit("b", "0.001s", 16, 0)}
	for _, id := range ids {
		in.follow(id, "eventlog")
	}
	if n := len(in.housekeeping()); n != 2 {
		t.Fatalf("housekeeping of %d jobs", n)
	}
	kill := func(req rpc.HousekeepingKill) error { return in.rpc("job-manager.housekeeping-kill", req, nil) }
	bad, other := "x", "7"
	refused(t, "signal", kill(rpc.HousekeepingKill{Signum: 99}), syscall.EINVAL, "signal")
	refused(t, "ranks", kill(rpc.HousekeepingKill{Signum: 15, Ranks: &bad}), syscall.EINVAL, "ranks")
	for _, req := range []rpc.HousekeepingKill{{Signum: 9, Ranks: &other}, {Signum: 9, ID: &ids[0]}} {
		if err := kill(req); err != nil {
			t.Fatal(err)
		}
	}
	for len(in.housekeeping()) > 1 {
		in.rpc("job-manager.sync", nil, nil) //nolint:errcheck // passes the time
	}
	if _, ok := in.housekeeping()[ids[1].String()]; !ok {
		t.Error("the other job's was killed, too")
	}
}

func TestPerilogConfig(t *testing.T) {
	in := site(t, t.TempDir(), nil)
	defer in.stop()
	command := []any{"true"}
	for text, manager := range map[string]table{
		"command must be an array":   {"prolog": table{"command": "x"}},
		"malformed prolog command":   {"prolog": table{"command": []any{int64(1)}}},
		"no command specified":       {"epilog": table{}},
		"invalid epilog timeout":     {"epilog": table{"command": command, "timeout": "5p"}},
		"kill-timeout: must be":      {"epilog": table{"command": command, "kill-timeout": int64(-1)}},
		"left unpacked: foo":         {"prolog": table{"command": command, "foo": true}},
		"not an array":               {"perilog": table{"log-ignore": "x"}},
		"Failed to compile regex: [": {"perilog": table{"log-ignore": []any{"["}}},
		"exec.imp is undefined":      {"housekeeping": table{}},
		"FSD parse error":            {"housekeeping": table{"command": command, "release-after": "x"}},
		"xyz: there is no such key":  {"housekeeping": table{"xyz": int64(1)}},
	} {
		refused(t, text, in.configure(manager), syscall.EINVAL, text)
	}
}
