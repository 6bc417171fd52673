// SPDX-License-Identifier: LGPL-3.0-or-later

package terminus_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/process"
	"goflux/internal/sys/terminus"
)

// bench is a server, whose loop is the test.
type bench struct {
	t     *testing.T
	s     *terminus.Server
	loop  chan func()
	empty bool
}

const user = 1000

func newBench(t *testing.T) *bench {
	b := &bench{t: t, loop: make(chan func(), 100)}
	b.s = terminus.New(terminus.Options{
		Post: func(fn func()) { b.loop <- fn }, Service: "term", Rank: 3, UserID: user, Now: time.Now,
		Empty: func() { b.empty = true },
	})
	return b
}

// start opens a session of a shell's command.
func (b *bench) start(command string, wait bool) *terminus.Session {
	b.t.Helper()
	x, err := b.s.OpenFree("name", wait)
	if err != nil {
		b.t.Fatal(err)
	}
	f := process.File(x.Follower())
	p, err := process.Start(&process.Spec{
		Args: []string{"sh", "-c", command}, Env: os.Environ(), Stdin: f, Stdout: f, Stderr: f, Session: true, Terminal: true,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	x.Started(p.Pid)
	go func() {
		var ws syscall.WaitStatus
		for {
			if _, err := syscall.Wait4(p.Pid, &ws, 0, nil); !errors.Is(err, syscall.EINTR) {
				break
			}
		}
		b.loop <- func() { x.Exited(int(ws)) }
	}()
	return x
}

// until runs the loop until ok.
func (b *bench) until(ok func() bool) {
	b.t.Helper()
	patience := time.After(20 * time.Second)
	for !ok() {
		select {
		case step := <-b.loop:
			step()
		case <-patience:
			b.t.Fatal("it does not come about")
		}
	}
}

// call is a request and what it is answered.
type call struct {
	req     any
	sender  string
	uid     uint32
	answers []rpc.TerminalMessage
	other   []any
	err     error
	failed  bool
}

func (c *call) Decode(v any) error {
	b, err := message.Marshal(c.req)
	if err != nil {
		return err
	}
	return message.Unmarshal(b, v)
}
func (c *call) Fail(err error) { c.err, c.failed = err, true }
func (c *call) Sender() string { return c.sender }
func (c *call) UserID() uint32 { return c.uid }
func (c *call) Respond(any any) {
	if m, ok := any.(*rpc.TerminalMessage); ok {
		c.answers = append(c.answers, *m)
		return
	}
	c.other = append(c.other, any)
}

func (b *bench) send(method string, req any, sender string) *call {
	c := &call{req: req, sender: sender, uid: user}
	b.s.Serve(method, c)
	return c
}

func attach() rpc.TerminalMessage {
	return rpc.TerminalMessage{Type: "attach", Mode: "rw", Winsize: &rpc.Winsize{Rows: 30, Cols: 100}}
}

// TestSession: what a client sees of a session that waits for one.
func TestSession(t *testing.T) {
	b := newBench(t)
	b.start("read start; stty size; read x; echo got $x; exit 7", true)
	c := b.send("0", attach(), "me")
	typed := func(text string) {
		if d := b.send("0", rpc.TerminalMessage{Type: "data", Data: &text}, "me"); d.err != nil {
			t.Fatal(d.err)
		}
	}
	typed("\r") // the terminal has its size now
	text := func() string {
		s := ""
		for _, m := range c.answers {
			data, _ := m.Bytes()
			s += string(data)
		}
		return s
	}
	b.until(func() bool { return strings.Contains(text(), "30 100") })
	typed("hello\r")
	b.until(func() bool { return c.failed })
	last := c.answers[len(c.answers)-1]
	if last.Type != "exit" || *last.Status != 7<<8 || !errors.Is(c.err, syscall.ENODATA) {
		t.Errorf("the end: %+v, %v", last, c.err)
	}
	if !strings.Contains(text(), "got hello") || !b.empty {
		t.Errorf("output %q, empty %t", text(), b.empty)
	}
}

// TestKill: a session dies of signals that a terminal cannot give, and who
// asked is told when it is over.
func TestKill(t *testing.T) {
	b := newBench(t)
	b.start("exec sleep 1000", true)
	b.start("exec sleep 1000", false)
	c := b.send("kill", rpc.TerminalKill{ID: 0, Signal: int(syscall.SIGKILL), Wait: 1}, "me")
	b.until(func() bool { return len(c.answers) > 0 })
	if c.failed && !errors.Is(c.err, syscall.ENODATA) {
		t.Errorf("kill: %v", c.err)
	}
	if n := b.s.KillAll(); n != 1 {
		t.Errorf("%d sessions were left", n)
	}
	b.until(func() bool { return b.empty })
	x, err := b.s.OpenFree("next", true)
	if err != nil || x.ID() != 0 {
		t.Fatalf("the next session: %v, %v", x, err)
	}
	x.Discard()
	if c := b.send("list", nil, "me"); len(c.other) != 1 || len(c.other[0].(*rpc.TerminalList).Sessions) != 0 {
		t.Errorf("listed: %+v", c.other)
	}
}

func TestOthersAreRefused(t *testing.T) {
	b := newBench(t)
	for _, method := range []string{"list", "kill", "0"} {
		c := &call{sender: "x", uid: user + 1}
		b.s.Serve(method, c)
		if !errors.Is(c.err, syscall.EPERM) {
			t.Errorf("%s: %v", method, c.err)
		}
	}
	if c := b.send("9", attach(), "me"); !errors.Is(c.err, syscall.ENOSYS) {
		t.Errorf("no such session: %v", c.err)
	}
}
