// SPDX-License-Identifier: LGPL-3.0-or-later

package modprobe

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// answers are what an interpreter says of two files.
const answers = `{"task":{"name":"mine","ranks":"0","provides":[],"requires":["kvs"],"needs":[],"before":["kvs"],"after":["content"],"needs_attrs":[],"needs_config":[],"needs_env":[],"disabled":false,"priority":100}}
{"op":"load","modules":["kvs-watch"]}
{"op":"setopt","module":"kvs","args":["a","b"],"alone":false}
{"op":"alternative","service":"content-backing","module":"content-files"}
{"op":"enable","service":"cron"}
`

// said has m take lines for those of an interpreter.
func said(t *testing.T, m *Modprobe, r *runner, text string) error {
	t.Helper()
	return m.plan(t.Context(), r, bufio.NewScanner(strings.NewReader(text)))
}

func TestRCFiles(t *testing.T) {
	m, err := tasks(t, &fake{rank: 0}, nil)
	must(t, m, err)
	r := &runner{waiting: map[string]chan error{}}
	if err := said(t, m, r, answers+`{"done":"","error":""}`); err != nil {
		t.Fatal(err)
	}
	o, err := m.activeOrder()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(o["kvs"], "mine") || !slices.Contains(o["mine"], "content") {
		t.Errorf("the order: %v", o)
	}
	if _, ok := o["content-files"]; !ok || o["content-sqlite"] != nil {
		t.Errorf("the backing store: %v", o)
	}
	if got := m.argsOf(m.tasks["kvs"]); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("arguments %q", got)
	}
	if !m.forced["cron"] {
		t.Error("cron is not enabled")
	}
}

func TestRCFileErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{"done":"","error":"no such thing"}`:    "no such thing",
		`{"op":"load","modules":["nothing"]}`:    "no such task or module nothing",
		`{"op":"enable","service":"nothing"}`:    "nothing",
		`{"task":{"name":"x","ranks":"some"}}`:   "some",
		`Traceback`:                              "rc files",
		`{"op":"setopt","module":"a","args":[]}`: "ended",
	} {
		m, err := tasks(t, &fake{}, nil)
		must(t, m, err)
		if err := said(t, m, &runner{}, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestRunner: a task that runs is awaited, also when the interpreter ends.
func TestRunner(t *testing.T) {
	m, err := tasks(t, &fake{}, nil)
	must(t, m, err)
	asked, names := io.Pipe()
	replies, says := io.Pipe()
	r := &runner{names: names, waiting: map[string]chan error{}}
	r.readers.Go(func() { r.listen(m, bufio.NewScanner(replies)) })
	results := make(chan error, 1)
	lines := bufio.NewScanner(asked)
	start := func() {
		go func() { results <- r.run(context.Background(), "a") }()
		if lines.Scan(); lines.Text() != `"a"` {
			t.Errorf("asked for %s", lines.Text())
		}
	}
	start()
	io.WriteString(says, `{"op":"setopt","module":"kvs","args":["x"],"alone":true}`+"\n"+`{"done":"a","error":""}`+"\n")
	if err := <-results; err != nil || !slices.Equal(m.argsOf(m.tasks["kvs"]), []string{"x"}) {
		t.Errorf("%v, arguments %q", err, m.argsOf(m.tasks["kvs"]))
	}
	start()
	io.WriteString(says, `{"done":"a","error":"did not work"}`+"\n")
	if err := <-results; err == nil || err.Error() != "did not work" {
		t.Errorf("failed: %v", err)
	}
	start()
	says.Close()
	if err := <-results; !errors.Is(err, errRunnerGone) {
		t.Errorf("left alone: %v", err)
	}
	r.readers.Wait()
	if err := r.run(context.Background(), "b"); !errors.Is(err, errRunnerGone) {
		t.Errorf("too late: %v", err)
	}
}
