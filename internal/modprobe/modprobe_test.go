// SPDX-License-Identifier: LGPL-3.0-or-later

package modprobe

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"goflux/internal/config"
)

// fake is a broker that has only what tasks ask about.
type fake struct {
	rank  uint32
	attrs map[string]string
	env   map[string]string
	conf  config.Table
}

func (f *fake) Rank() uint32 { return f.rank }
func (f *fake) Attr(name string) (string, bool) {
	v, ok := f.attrs[name]
	return v, ok
}
func (f *fake) Config() config.Table { return f.conf }
func (f *fake) Getenv(name string) (string, bool) {
	v, ok := f.env[name]
	return v, ok
}
func (f *fake) Environ() []string                               { return nil }
func (f *fake) RPC(_ context.Context, _ string, _, _ any) error { return nil }

// tasks returns the tasks over f; files stand in a search path of their own.
func tasks(t *testing.T, f *fake, files map[string]string) (*Modprobe, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "modprobe.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, "modprobe.d", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if f.env == nil {
		f.env = map[string]string{}
	}
	f.env["FLUX_MODPROBE_PATH"] = dir
	return New(f, Options{Out: func(string) {}, Err: func(string) {}})
}

func must(t *testing.T, m *Modprobe, err error) *Modprobe {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// What rc1 loads comes after what it is said to come after.
func TestRC1Order(t *testing.T) {
	m, err := tasks(t, &fake{}, nil)
	o, err2 := must(t, m, err).RC1Order(t.Context())
	if err2 != nil {
		t.Fatal(err2)
	}
	for name, earlier := range map[string]string{
		"kvs": "content", "content-sqlite": "content", "job-manager": "kvs", "sched-simple": "job-manager", "kvs-watch": "kvs",
	} {
		if !slices.Contains(o[name], earlier) {
			t.Errorf("%s comes after %v, %s is not among them", name, o[name], earlier)
		}
	}
	if _, ok := o["sched-fifo"]; ok {
		t.Error("two schedulers")
	}
}

// Followers load less.
func TestFollower(t *testing.T) {
	m, err := tasks(t, &fake{rank: 3}, nil)
	o, err2 := must(t, m, err).RC1Order(t.Context())
	if err2 != nil {
		t.Fatal(err2)
	}
	for name, want := range map[string]bool{"kvs": true, "resource": true, "job-manager": false, "content-sqlite": false} {
		if _, ok := o[name]; ok != want {
			t.Errorf("%s on a follower: %v", name, ok)
		}
	}
}

func TestFiles(t *testing.T) {
	m, err := tasks(t, &fake{}, map[string]string{
		"a.toml": "[[modules]]\nname = \"mine\"\nprovides = [\"sched\"]\npriority = 900\nrequires = [\"kvs\"]\nranks = \">0\"\n",
		"b.toml": "[content-sqlite]\nargs = [\"a\", \"b\"]\n",
	})
	must(t, m, err)
	if got, _ := m.Get("sched"); got.Name != "mine" {
		t.Errorf("the best scheduler is %s", got.Name)
	}
	if got, _ := m.Resolve("sched", true); got.Name != "sched-simple" {
		t.Errorf("on the leader it is %s", got.Name)
	}
	if got := m.argsOf(m.tasks["content-sqlite"]); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("arguments %q", got)
	}
	for text, want := range map[string]string{
		"[nothing]\nargs = []\n":            "no such task",
		"modules = 3\n":                     "not an array",
		"[[modules]]\nmodule = \"x\"\n":     "'name'",
		"[kvs]\ncolour = \"red\"\n":         "invalid config key 'colour'",
		"[kvs]\nranks = \"some\"\n":         "some",
		"[kvs]\nargs = [ 1 ]\n":             "strings",
		"[[modules]]\nname = \"x\"\nexec=1": "exec",
	} {
		if _, err := tasks(t, &fake{}, map[string]string{"x.toml": text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestAlternatives(t *testing.T) {
	conf := config.Table{"modules": config.Table{
		"alternatives": config.Table{"sched": "sched-fifo"}, "kvs": config.Table{"disabled": true},
	}}
	m, err := tasks(t, &fake{conf: conf}, nil)
	must(t, m, err)
	if got, _ := m.Resolve("sched", false); got == nil || got.Name != "sched-fifo" {
		t.Errorf("the scheduler is %+v", got)
	}
	if !m.tasks["kvs"].Disabled {
		t.Error("kvs is not disabled")
	}
	if err := m.SetAlternative("sched", "kvs"); err == nil {
		t.Error("kvs is taken for a scheduler")
	}
}

// What others still use is not removed; what nobody else uses goes along.
func TestRemovable(t *testing.T) {
	m, err := tasks(t, &fake{}, nil)
	must(t, m, err)
	loaded := []string{"heartbeat", "content", "content-sqlite", "kvs", "kvs-watch"}
	if _, err := m.removable(loaded, []string{"kvs"}); err == nil || err.Error() != "kvs still in use by kvs-watch" {
		t.Errorf("removing kvs: %v", err)
	}
	gone, err := m.removable(loaded, []string{"kvs-watch"})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(gone)
	slices.Sort(loaded)
	if !slices.Equal(gone, loaded) {
		t.Errorf("with kvs-watch goes %q", gone)
	}
}

func TestRanks(t *testing.T) {
	for text, want := range map[string][]uint32{"": {0, 1, 5}, "all": {0, 1, 5}, "0": {0}, ">0": {1, 5}, "<5": {0, 1}, "1-5": {1, 5}} {
		r, err := ParseRanks(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		for _, rank := range []uint32{0, 1, 5} {
			if r.Contains(rank) != slices.Contains(want, rank) {
				t.Errorf("%q has rank %d: %v", text, rank, r.Contains(rank))
			}
		}
	}
	if _, err := ParseRanks(">"); err == nil {
		t.Error("\">\" is taken")
	}
}

// Tasks run when those before them have, and after a failure those that wait
// for it do not.
func TestRun(t *testing.T) {
	m, err := tasks(t, &fake{}, nil)
	must(t, m, err)
	var mu sync.Mutex
	var ran []string
	task := func(name string, err error, after ...string) {
		all, _ := ParseRanks("")
		m.addActive(&Task{Name: name, Ranks: all, After: after, run: func(context.Context, *Modprobe) error {
			mu.Lock()
			defer mu.Unlock()
			ran = append(ran, name)
			return err
		}})
	}
	task("c", nil, "b")
	task("b", nil, "a")
	task("a", nil)
	set, err := m.activeTasks()
	if err != nil {
		t.Fatal(err)
	}
	o, err := m.order(set)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.run(context.Background(), o); err != nil || !slices.Equal(ran, []string{"a", "b", "c"}) {
		t.Errorf("ran %q: %v", ran, err)
	}
}

// Who is in doubt where files come from is told, once for a directory.
func TestVerboseSearch(t *testing.T) {
	var told []string
	f := &fake{env: map[string]string{"FLUX_MODPROBE_PATH": "/a: :/b:", "FLUX_MODPROBE_PATH_APPEND": "/b:/c"}}
	if _, err := New(f, Options{Err: func(line string) { told = append(told, line) }, Verbose: true}); err != nil {
		t.Fatal(err)
	}
	want := []string{"checking /a/modprobe.d/*.toml", "checking /b/modprobe.d/*.toml", "checking /c/modprobe.d/*.toml"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
}

func TestDisableByEnv(t *testing.T) {
	m, err := tasks(t, &fake{env: map[string]string{"FLUX_MODPROBE_DISABLE": "sched-simple, kvs"}}, nil)
	if err := must(t, m, err).DisableByEnv(); err != nil {
		t.Fatal(err)
	}
	if got, _ := m.Resolve("sched", false); got.Name == "sched-simple" || !m.tasks["kvs"].Disabled {
		t.Errorf("the scheduler is %s", got.Name)
	}
}

// TestOneLineAtATime: tasks run at the same time, what they say does not.
func TestOneLineAtATime(t *testing.T) {
	var said []string // as a caller's buffer, without a lock
	speaking := false
	m, err := New(&fake{env: map[string]string{"FLUX_MODPROBE_PATH": t.TempDir()}}, Options{
		DryRun: true,
		Out: func(line string) {
			if speaking {
				t.Errorf("%q was said beside another line", line)
			}
			speaking = true
			runtime.Gosched()
			said = append(said, line)
			speaking = false
		},
	})
	must(t, m, err)
	if err := m.RC1(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(said, "load kvs") {
		t.Errorf("said %q", said)
	}
}
