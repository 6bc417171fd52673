// SPDX-License-Identifier: LGPL-3.0-or-later

package terminal_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/term"

	"goflux/flux"
	"goflux/internal/broker"
	"goflux/internal/cli/terminal"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/pty"
)

// far is a session elsewhere: it shows what is typed, in capitals.
type far struct {
	t      *testing.T
	c      *flux.Client
	attach *flux.Message
	typed  string
	modes  []string
}

func (f *far) serve(m *flux.Message) {
	if m.Topic != "far.0" { // a client's farewell
		return
	}
	var in rpc.TerminalMessage
	if err := m.Decode(&in); err != nil {
		f.t.Error(err)
		return
	}
	switch in.Type {
	case "attach":
		f.attach, f.modes = m, append(f.modes, in.Mode)
		f.show(&rpc.TerminalMessage{Type: "attach"})
	case "data":
		data, _ := in.Bytes()
		f.typed += string(data)
		f.answer(m)
		f.show(rpc.TerminalData([]byte(strings.ToUpper(string(data)))))
	case "detach":
		status := 3 << 8
		f.answer(m)
		f.show(&rpc.TerminalMessage{Type: "exit", Message: "left", Status: &status})
		f.end()
	default:
		f.answer(m)
	}
}

func (f *far) answer(m *flux.Message) {
	if err := f.c.Send(m.Response()); err != nil {
		f.t.Error(err)
	}
}

func (f *far) show(m *rpc.TerminalMessage) {
	r := f.attach.Response()
	r.SetValue(m)
	if err := f.c.Send(r); err != nil {
		f.t.Error(err)
	}
}

func (f *far) end() {
	r := f.attach.Response()
	r.Errnum = uint32(syscall.ENODATA)
	if err := f.c.Send(r); err != nil {
		f.t.Error(err)
	}
}

// newFar starts a broker with such a session at "far.0", and returns a client.
func newFar(t *testing.T) (*far, *flux.Client) {
	t.Helper()
	attrs := broker.NewAttrs()
	uri := "local://" + filepath.Join(t.TempDir(), "local")
	attrs.Put("local-uri", uri)
	b := broker.New(broker.Options{Size: 1, Attrs: attrs, Stderr: io.Discard})
	b.Online()
	t.Cleanup(b.Close)
	ready := make(chan error, 1)
	r := broker.ConnectorLocal(b)
	b.Modules().Load(r, r.Name, "builtin", nil, func(err error) { ready <- err })
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	open := func() *flux.Client {
		c, err := flux.Open(t.Context(), uri)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	f := &far{t: t, c: open()}
	if err := f.c.Serve(t.Context(), "far", f.serve); err != nil {
		t.Fatal(err)
	}
	return f, open()
}

// What is typed goes there, what is shown there comes here; Ctrl-\ leaves, and
// the terminal is as it was.
func TestTerminal(t *testing.T) {
	f, c := newFar(t)
	here, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	before := modes(t, here.Follower)
	shown := ""
	type_ := func(s string) {
		if _, err := here.Leader.WriteString(s); err != nil {
			t.Error(err)
		}
	}
	end := (&terminal.Terminal{
		Client: c, Topic: "far.0", NodeID: flux.NodeAny, In: here.Follower,
		Attached: func() {
			if modes(t, here.Follower) == before {
				t.Error("the terminal is not raw")
			}
			type_("ab\x03")
		},
		Show: func(data []byte) {
			if shown += string(data); shown == "AB\x03" {
				type_("\x1c")
			}
		},
	}).Run(t.Context())
	if want := (terminal.End{Attached: true, Status: 3 << 8, Reason: "left"}); end != want {
		t.Errorf("it ended with %+v, want %+v", end, want)
	}
	if f.typed != "ab\x03" || f.modes[0] != "rw" {
		t.Errorf("there %q was typed, in mode %s", f.typed, f.modes)
	}
	if modes(t, here.Follower) != before {
		t.Error("the terminal is not as it was")
	}
}

func modes(t *testing.T, f *os.File) term.State {
	t.Helper()
	s, err := term.GetState(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return *s
}

// A pipe is sent to its end, and no terminal is needed.
func TestPipe(t *testing.T) {
	f, c := newFar(t)
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	_, _ = out.WriteString("some")
	out.Close()
	end := (&terminal.Terminal{
		Client: c, Topic: "far.0", NodeID: flux.NodeAny, In: in, Pipe: true, Attached: func() {}, Show: func([]byte) {},
	}).Run(t.Context())
	if !end.Attached || end.Err != nil || f.typed != "some" || f.modes[0] != "wo" {
		t.Errorf("%+v; there %q was typed, in mode %s", end, f.typed, f.modes)
	}
}

// Where there is no session, or no time, that is what is said.
func TestNoSession(t *testing.T) {
	_, c := newFar(t)
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() }) // in is still being read when Run has returned
	far := terminal.Terminal{Client: c, Topic: "nowhere.0", NodeID: flux.NodeAny, In: in, Attached: func() {}, Show: func([]byte) {}}
	if end := far.Run(t.Context()); end.Attached || message.Errno(end.Err) != syscall.ENOSYS {
		t.Errorf("%+v", end)
	}
	ctx, cancel := context.WithCancel(t.Context())
	far.Topic = "far.0"
	far.Attached = cancel
	if end := far.Run(ctx); !end.Attached || end.Err == nil {
		t.Errorf("%+v", end)
	}
}
