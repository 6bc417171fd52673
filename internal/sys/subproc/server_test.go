// SPDX-License-Identifier: LGPL-3.0-or-later

package subproc

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/process"
)

// bench runs a server on the test's goroutine.
type bench struct {
	t     *testing.T
	s     *Server
	posts chan func()
	log   bytes.Buffer
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, posts: make(chan func(), 1000)}
	r := process.NewReaper()
	b.s = New(Options{
		Post: func(fn func()) { b.posts <- fn }, Reaper: r, Rank: 3, URI: "local:///x",
		Log: slog.New(slog.NewTextHandler(&b.log, nil)), Environ: func() []string { return []string{"PATH=/usr/bin:/bin", "NOTIFY_SOCKET=x"} },
	})
	t.Cleanup(func() { b.s.Close(); r.Close() })
	return b
}

// until runs the loop until cond holds; the test's own time limit is its bound.
func (b *bench) until(cond func() bool) {
	for !cond() {
		(<-b.posts)()
	}
}

// request records its answers.
type request struct {
	sender    string
	tag       uint32
	streaming bool
	events    []*rpc.RexecEvent
	answer    any
	err       error
	done      bool
}

func (r *request) Streaming() bool  { return r.streaming }
func (r *request) Sender() string   { return r.sender }
func (r *request) Matchtag() uint32 { return r.tag }
func (r *request) Fail(err error)   { r.err, r.done = err, true }
func (r *request) Respond(v any) {
	if e, ok := v.(*rpc.RexecEvent); ok {
		r.events = append(r.events, e)
		r.done = r.done || !r.streaming
		return
	}
	r.answer, r.done = v, true
}

// said is what came, in a line: output joined by stream, so that the order in
// which pieces of different streams arrive does not matter.
func (r *request) said() string {
	var types []string
	out := map[string]string{}
	for _, e := range r.events {
		switch e.Type {
		case "output":
			data, _ := e.IO.Bytes()
			out[e.IO.Stream] += string(data)
			if e.IO.EOF {
				out[e.IO.Stream] += "$"
			}
		case "finished":
			types = append(types, fmt.Sprint("finished ", *e.Status))
		case "add-credit":
		default:
			types = append(types, e.Type)
		}
	}
	return strings.Join(types, ",") + fmt.Sprint(" ", out)
}

func (r *request) credit() int {
	n := 0
	for _, e := range r.events {
		n += e.Channels["stdin"]
	}
	return n
}

func sh(script string) *rpc.Command { return &rpc.Command{Cmdline: []string{"sh", "-c", script}} }

func (b *bench) exec(cmd *rpc.Command, flags int, streaming bool) *request {
	b.t.Helper()
	r := &request{sender: "me", tag: 1, streaming: streaming}
	b.s.Exec(r, &rpc.RexecExec{Cmd: cmd, Flags: flags})
	return r
}

func (b *bench) ended(r *request) {
	b.t.Helper()
	b.until(func() bool { return r.done })
	if r.streaming && message.Errno(r.err) != syscall.ENODATA {
		b.t.Fatalf("ended with %v, %s", r.err, r.said())
	}
}

func TestStreaming(t *testing.T) {
	b := newBench(t)
	r := b.exec(sh("echo out; echo err >&2; echo $FLUX_URI $NOTIFY_SOCKET; exit 3"), 11, true)
	b.ended(r)
	if want := "started,finished 768 map[stderr:err\n$ stdout:out\nlocal:///x\n$]"; r.said() != want {
		t.Errorf("got  %s\nwant %s", r.said(), want)
	}
	if r.credit() != defaultBuffer {
		t.Errorf("credit %d", r.credit())
	}
	for _, e := range r.events {
		if e.Type == "output" && e.IO.Rank != "3" {
			t.Errorf("rank %q", e.IO.Rank)
		}
	}
	if len(b.s.procs) != 0 {
		t.Error("the process is kept")
	}
}

func TestInputByCredit(t *testing.T) {
	b := newBench(t)
	cmd := sh("cat")
	cmd.Opts = map[string]string{"stdin_BUFSIZE": "4"}
	r := b.exec(cmd, 9, true)
	for _, part := range []string{"abcd", "efgh", "i\n"} {
		before := r.credit()
		b.s.Write("me", &rpc.RexecWrite{Matchtag: 1, IO: rpc.NewIO("stdin", "0", []byte(part), false)})
		b.until(func() bool { return r.credit() == before+len(part) })
	}
	b.s.Write("me", &rpc.RexecWrite{Matchtag: 2, IO: rpc.NewIO("stdin", "0", []byte("not mine"), true)})
	b.s.Write("you", &rpc.RexecWrite{Matchtag: 1, IO: rpc.NewIO("stdin", "0", []byte("not mine"), true)})
	b.s.Write("me", &rpc.RexecWrite{Matchtag: 1, IO: rpc.IO{Stream: "stdin", Rank: "0", EOF: true}})
	b.ended(r)
	if want := "started,finished 0 map[stdout:abcdefghi\n$]"; r.said() != want {
		t.Errorf("got %s, want %s", r.said(), want)
	}
}

func TestInputOverrun(t *testing.T) {
	b := newBench(t)
	cmd := sh("sleep 1000")
	cmd.Opts = map[string]string{"stdin_BUFSIZE": "4"}
	r := b.exec(cmd, 9, true)
	b.s.Write("me", &rpc.RexecWrite{Matchtag: 1, IO: rpc.NewIO("stdin", "0", []byte("12345"), false)})
	if message.Errno(r.err) != syscall.ENOSPC {
		t.Errorf("overrun: %v", r.err)
	}
	b.until(func() bool { return len(b.s.procs) == 0 })
}

func TestChannel(t *testing.T) {
	b := newBench(t)
	cmd := sh(`eval "read x <&$CH; echo got:\$x >&$CH"`)
	cmd.Channels = []string{"CH"}
	r := b.exec(cmd, 4, true)
	b.s.Write("me", &rpc.RexecWrite{Matchtag: 1, IO: rpc.NewIO("CH", "0", []byte("hi\n"), false)})
	b.ended(r)
	if want := "started,finished 0 map[CH:got:hi\n$]"; r.said() != want {
		t.Errorf("got %s, want %s", r.said(), want)
	}
}

func TestRefusals(t *testing.T) {
	b := newBench(t)
	bad := sh("true")
	bad.Opts = map[string]string{"stdout_LINE_BUFFER": "maybe"}
	label := &rpc.Command{Cmdline: []string{"sleep", "1000"}, Label: "l"}
	if r := b.exec(label, 0, false); r.err != nil {
		t.Fatal(r.err)
	}
	for _, tc := range []struct {
		cmd       *rpc.Command
		flags     int
		streaming bool
		errno     syscall.Errno
		text      string
	}{
		{&rpc.Command{Cmdline: []string{"nosuch"}}, 0, true, syscall.ENOENT, "error launching process: No such file or directory"},
		{&rpc.Command{Cmdline: []string{"/dev/null"}}, 0, true, syscall.EACCES, "error launching process: Permission denied"},
		{&rpc.Command{Cmdline: []string{"nosuch"}}, 16, false, syscall.ENOENT, "error launching process: No such file or directory"},
		{&rpc.Command{}, 0, true, syscall.EPROTO, "command string is empty"},
		{nil, 0, true, syscall.EPROTO, "error parsing command string"},
		{bad, 0, true, syscall.EINVAL, "error launching process: Invalid argument"},
		{sh("true"), 16, true, syscall.EINVAL, "waitable flag only supported in background mode"},
		{sh("true"), 8, false, syscall.EINVAL, "write-credit flag is not allowed in background mode"},
		{label, 0, false, syscall.EEXIST, "command label is not unique"},
	} {
		r := b.exec(tc.cmd, tc.flags, tc.streaming)
		if message.Errno(r.err) != tc.errno || r.err.Error() != tc.text || len(r.events) > 0 {
			t.Errorf("%+v: %v (%d)", tc.cmd, r.err, message.Errno(r.err))
		}
	}
	if len(b.s.procs) != 1 {
		t.Errorf("%d processes, want one", len(b.s.procs))
	}
}

func TestMissingDirectory(t *testing.T) {
	b := newBench(t)
	cmd := sh("pwd")
	cmd.Cwd = "/nonexistent"
	r := b.exec(cmd, 3, true)
	b.ended(r)
	if want := "stderr:Could not change dir to /nonexistent: No such file or directory. Going to /tmp instead\n$ stdout:/tmp\n$"; !strings.Contains(r.said(), want) {
		t.Errorf("got %s", r.said())
	}
}

func TestWaitable(t *testing.T) {
	b := newBench(t)
	cmd := sh("echo kept; kill -15 $$")
	cmd.Label = "w"
	r := b.exec(cmd, 16, false)
	if r.said() != "started map[]" || r.err != nil {
		t.Fatalf("%s, %v", r.said(), r.err)
	}
	b.until(func() bool { return !b.s.procs[0].active() })
	if l := b.s.List(); l.Rank != 3 || l.Procs[0].State != "Z" || l.Procs[0].Label != "w" || l.Procs[0].Cmd != "sh" {
		t.Errorf("list %+v", l)
	}
	kill := &request{}
	b.s.Kill(kill, &rpc.RexecKill{RexecTarget: rpc.RexecTarget{Label: "w"}, Signum: 15})
	if message.Errno(kill.err) != syscall.ESRCH {
		t.Errorf("kill of a zombie: %v", kill.err)
	}
	w := &request{}
	b.s.Wait(w, &rpc.RexecTarget{Pid: -1, Label: "w"})
	if got := w.answer.(*rpc.RexecWaited); got.Status != 15 || got.Output[0].Data != "kept\n" {
		t.Errorf("waited %+v", got)
	}
	again := &request{}
	b.s.Wait(again, &rpc.RexecTarget{Label: "w"})
	if again.err == nil || again.err.Error() != "label w does not belong to any subprocess" {
		t.Errorf("second wait: %v", again.err)
	}
	if !strings.Contains(b.log.String(), "w: sh[") || !strings.Contains(b.log.String(), "Killed by signal 15") || !strings.Contains(b.log.String(), "]: kept") {
		t.Errorf("log %s", b.log.String())
	}
}

func TestWaitBeforeEndAndTwice(t *testing.T) {
	b := newBench(t)
	r := b.exec(&rpc.Command{Cmdline: []string{"sleep", "1000"}}, 16, false)
	pid := r.events[0].Pid
	w, w2 := &request{sender: "w"}, &request{sender: "w2"}
	b.s.Wait(w, &rpc.RexecTarget{Pid: pid})
	b.s.Wait(w2, &rpc.RexecTarget{Pid: pid})
	if message.Errno(w2.err) != syscall.EINVAL {
		t.Errorf("second waiter: %v", w2.err)
	}
	b.s.Disconnect("w") // lets another wait
	w3 := &request{sender: "w3"}
	b.s.Wait(w3, &rpc.RexecTarget{Pid: pid})
	kill := &request{}
	b.s.Kill(kill, &rpc.RexecKill{RexecTarget: rpc.RexecTarget{Pid: pid}, Signum: 9})
	b.until(func() bool { return w3.done })
	if got := w3.answer.(*rpc.RexecWaited); kill.err != nil || got.Status != 9 || w.done {
		t.Errorf("waited %+v, kill %v", got, kill.err)
	}
}

func TestAttach(t *testing.T) {
	b := newBench(t)
	cmd := sh("exec >&-; read x </dev/zero & sleep 1000; exit 5")
	cmd.Label = "a"
	b.exec(cmd, 16, false)
	b.until(func() bool { return b.s.procs[0].streams["stdout"].ended })
	attach := func(sender string) *request {
		r := &request{sender: sender, streaming: true}
		b.s.Attach(r, &rpc.RexecAttach{RexecTarget: rpc.RexecTarget{Label: "a"}, Flags: 3})
		return r
	}
	first := attach("first")
	if r := attach("second"); message.Errno(r.err) != syscall.EBUSY {
		t.Errorf("second: %v", r.err)
	}
	b.s.Disconnect("first")
	if first.done || len(b.s.procs) != 1 {
		t.Error("the process did not go back to the background")
	}
	third := attach("third")
	k := &request{}
	b.s.Kill(k, &rpc.RexecKill{RexecTarget: rpc.RexecTarget{Label: "a"}, Signum: 9})
	b.ended(third)
	if want := "attached,finished 9 map[stderr:$ stdout:$]"; third.said() != want {
		t.Errorf("got %s, want %s", third.said(), want)
	}
	if r := attach("late"); message.Errno(r.err) != syscall.ENOENT {
		t.Errorf("after the end: %v", r.err)
	}
}

func TestAttachToZombie(t *testing.T) {
	b := newBench(t)
	cmd := sh("exit 7")
	cmd.Label = "z"
	b.exec(cmd, 16, false)
	b.until(func() bool { return !b.s.procs[0].active() })
	r := &request{streaming: true}
	b.s.Attach(r, &rpc.RexecAttach{RexecTarget: rpc.RexecTarget{Label: "z"}, Flags: 3})
	if want := "attached,finished 1792 map[stderr:$ stdout:$]"; r.said() != want || message.Errno(r.err) != syscall.ENODATA {
		t.Errorf("got %s (%v), want %s", r.said(), r.err, want)
	}
	if len(b.s.procs) != 0 {
		t.Error("not reaped")
	}
}

func TestDisconnectKills(t *testing.T) {
	b := newBench(t)
	r := b.exec(&rpc.Command{Cmdline: []string{"sleep", "1000"}}, 3, true)
	b.s.Disconnect("me")
	b.until(func() bool { return len(b.s.procs) == 0 })
	if r.done || len(r.events) != 1 {
		t.Errorf("answered a client that is gone: %s", r.said())
	}
}

func TestShutdown(t *testing.T) {
	b := newBench(t)
	for _, script := range []string{"exit 0", "sleep 1000"} {
		b.exec(sh(script), 16, false)
	}
	b.until(func() bool { return !b.s.procs[0].active() })
	stopped := false
	b.s.Shutdown(syscall.SIGTERM, func() { stopped = true })
	if r := b.exec(sh("true"), 0, true); message.Errno(r.err) != syscall.ENOSYS {
		t.Errorf("exec while stopping: %v", r.err)
	}
	b.until(func() bool { return stopped })
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int{"1": 1, "4096": 4096, "4k": 4096, "4K": 4096, "1.5M": 3 << 19, "0": 0, "": 0, "k": 0, "-1": 0, "4G": 0, "NaN": 0, "1e999": 0, "4kk": 0} {
		got, err := parseSize(in)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v; want %d", in, got, err, want)
		}
	}
}
