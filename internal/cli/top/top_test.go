// SPDX-License-Identifier: LGPL-3.0-or-later

package top

import (
	"errors"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// fakeSource is an instance whose jobs are what the test says.
type fakeSource struct {
	jobs   []Job
	queues []string
	asked  []string
	below  *fakeSource
	err    error
	closed bool
}

func (f *fakeSource) Snapshot(queue string) (*Snapshot, error) {
	f.asked = append(f.asked, queue)
	if f.err != nil {
		return nil, f.err
	}
	return &Snapshot{Queue: queue, Queues: f.queues, Jobs: f.jobs, Nodes: Count{Used: 1, Down: 1, Total: 4}, Complete: 2, Failed: 1}, nil
}

func (f *fakeSource) Open(j Job) (Source, error) {
	if f.below == nil {
		return nil, errors.New("error connecting to " + j.URI)
	}
	return f.below, nil
}

func (f *fakeSource) Close() { f.closed = true }

// bench drives a model without a terminal.
type bench struct {
	t *testing.T
	m *Model
}

func newBench(t *testing.T, f *fakeSource) *bench {
	first, err := f.Snapshot("")
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t, New(f, first, false)}
}

// press presses keys; quit tells whether the program ends. What the model asks
// of its source is answered at once.
func (b *bench) press(keys ...string) (quit bool) {
	b.t.Helper()
	for _, k := range keys {
		quit = b.run(b.m.key(k))
	}
	return quit
}

func (b *bench) run(cmd tea.Cmd) (quit bool) {
	for cmd != nil {
		msg := cmd()
		if _, ok := msg.(tea.QuitMsg); ok {
			return true
		}
		_, cmd = b.m.Update(msg)
	}
	return false
}

func (b *bench) want(parts ...string) {
	b.t.Helper()
	text := b.m.View().Content
	for _, p := range parts {
		if word, absent := strings.CutPrefix(p, "!"); strings.Contains(text, word) == absent {
			b.t.Errorf("%q in:\n%s", p, text)
		}
	}
}

func TestKeys(t *testing.T) {
	below := &fakeSource{jobs: []Job{{ID: "fsub", Name: "inner"}}}
	f := &fakeSource{below: below, queues: []string{"a", "b"}, jobs: []Job{
		{ID: "f1", Name: "plain", Mine: true}, {ID: "f2", Name: "inst", URI: "ssh://x/y", Mine: true},
		{ID: "f3", Name: "other", URI: "ssh://x/z"},
	}}
	b := newBench(t, f)
	b.want("plain", "inst", "2 complete, 1 failed", "nodes [", "1/4]", "QUEUE")
	b.press("d")
	b.want("3 inactive", "!failed")
	b.press("enter", "j", "enter") // nothing marked, and a job that is no instance
	if b.m.screen.Current != "f1" || len(b.m.levels) != 1 {
		t.Errorf("marked %q, %d levels", b.m.screen.Current, len(b.m.levels))
	}
	b.press("k", "enter") // somebody else's
	if b.m.screen.Current != "f3" || len(b.m.levels) != 1 {
		t.Errorf("marked %q, %d levels", b.m.screen.Current, len(b.m.levels))
	}
	b.press("k", "enter")
	b.want("inner", "!plain")
	if b.press("q") || !below.closed {
		t.Error("q below ends the program, or leaves the instance open")
	}
	b.want("plain")
	b.press("l", "l", "l", "h")
	if got := strings.Join(f.asked, ","); got != ",a,b,,b" {
		t.Errorf("queues asked for: %q", got)
	}
	if !b.press("q") {
		t.Error("q does not end the program")
	}
}

// TestProblems: an instance below that cannot be reached, or goes away, is told
// of; the first one ends the program.
func TestProblems(t *testing.T) {
	f := &fakeSource{jobs: []Job{{ID: "f1", URI: "ssh://x/y", Mine: true}}}
	b := newBench(t, f)
	b.press("j", "enter")
	b.want("error connecting to ssh://x/y", "press any key")
	b.press("q") // which is any key
	b.want("!error connecting")
	f.below = &fakeSource{}
	b.press("j", "enter")
	f.below.err = errors.New("gone")
	b.run(b.m.look())
	b.want("gone")
	if len(b.m.levels) != 1 {
		t.Errorf("%d levels", len(b.m.levels))
	}
	b.press("x")
	f.err = errors.New("no more")
	if !b.run(b.m.look()) || b.m.Err() == nil {
		t.Error("the first instance is gone, the program goes on")
	}
}

// TestStaleAnswers: what was asked before another queue was chosen is not shown.
func TestStaleAnswers(t *testing.T) {
	f := &fakeSource{queues: []string{"a"}}
	b := newBench(t, f)
	stale := b.m.look()
	b.press("l")
	b.run(stale)
	if got := b.m.top().seen.Queue; got != "a" {
		t.Errorf("queue %q is shown", got)
	}
}

func TestRender(t *testing.T) {
	v := &Snapshot{
		Title: "f1/f2", Size: 4, Depth: 2, TimeLeft: 90, Nodes: Count{2, 1, 4}, GPUs: Count{0, 0, 0},
		Jobs: []Job{{ID: "f3", User: "me", State: "R", Name: "a\x1b[2Jb", NTasks: 3, NNodes: 2, Runtime: 61}},
	}
	for _, size := range [][2]int{{80, 24}, {20, 3}, {1, 1}, {300, 5}} {
		text := Screen{Width: size[0], Height: size[1], Color: true, Current: "f3"}.Render(v)
		if strings.Contains(text, "\x1b[2J") {
			t.Error("a job's name clears the screen")
		}
		if size[0] == 80 && (!strings.Contains(text, "depth: 2") || !strings.Contains(text, "f1/f2") || strings.Contains(text, "gpus")) {
			t.Errorf("%q", text)
		}
		if size[1] > 10 && !strings.Contains(text, "1.017m") {
			t.Errorf("%q", text)
		}
	}
	var dump strings.Builder
	v.Dump(&dump)
	if !strings.HasPrefix(dump.String(), "nodes 2/4\ncores 0/0\ngpus 0/0\n0 pending\n") {
		t.Errorf("%q", dump.String())
	}
}
