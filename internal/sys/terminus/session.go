// SPDX-License-Identifier: LGPL-3.0-or-later

package terminus

import (
	"os"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/process"
	"goflux/internal/sys/pty"
)

// typedAhead bounds what clients have typed and the process has not read, in
// bytes.
const typedAhead = 1 << 20

// Session is a process on a terminal. It is over when the process has ended,
// all it wrote has been read, and, if it is to, a client has been there.
type Session struct {
	server *Server
	id     int
	name   string
	born   time.Time
	pid    int
	term   *pty.Terminal
	input  *process.Input

	// Monitor, when set before the first read, takes what the process writes;
	// it calls taken when more may come. Closed is called at its end.
	Monitor func(data []byte, taken func())
	Closed  func()

	waits   bool // for the first client, before anything is read
	reading bool
	closed  bool // all has been read
	exited  bool
	over    bool
	status  int
	clients []*client
}

type client struct {
	Request
	reads, writes bool
}

// Open opens a session with a terminal. With wait nothing is read before a
// client has attached. EEXIST when the id is taken.
func (s *Server) Open(id int, name string, wait bool) (*Session, error) {
	if s.find(id) != nil {
		return nil, syscall.EEXIST
	}
	t, err := pty.Open()
	if err != nil {
		return nil, err
	}
	x := &Session{server: s, id: id, name: name, born: s.Now(), term: t, waits: wait}
	x.input = process.NewInput(t.Leader, typedAhead, nil)
	s.sessions = append(s.sessions, x)
	return x, nil
}

// OpenFree is [Server.Open] with the lowest id that is free.
func (s *Server) OpenFree(name string, wait bool) (*Session, error) {
	id := 0
	for s.find(id) != nil {
		id++
	}
	return s.Open(id, name, wait)
}

// ID is the session's number.
func (x *Session) ID() int { return x.id }

// Discard ends a session whose process could not be started.
func (x *Session) Discard() {
	x.over = true
	x.input.Abandon()
	x.term.Follower.Close()
	x.term.Close()
	x.server.remove(x)
}

// Follower is the file to give to the process.
func (x *Session) Follower() *os.File { return x.term.Follower }

// Started tells that the process has been started and has the terminal.
func (x *Session) Started(pid int) {
	x.pid = pid
	x.term.Follower.Close()
	if !x.waits && x.Monitor != nil {
		x.read()
	}
}

// Exited tells how the process ended.
func (x *Session) Exited(status int) {
	x.exited, x.status = true, status
	if !x.reading && !x.waits {
		x.closed = true // nobody wanted to see it
	}
	x.settle()
}

// read starts to read the terminal, on a goroutine of its own.
func (x *Session) read() {
	if x.reading {
		return
	}
	x.reading = true
	go func() {
		taken := make(chan struct{}, 1)
		process.Pump(x.term.Leader, false, readAtOnce, func(data []byte) {
			x.server.Post(func() { x.output(data, func() { taken <- struct{}{} }) })
			<-taken
		})
		x.server.Post(x.ended)
	}()
}

// readAtOnce bounds one piece of output, in bytes.
const readAtOnce = 64 << 10

func (x *Session) output(data []byte, taken func()) {
	m := rpc.TerminalData(data)
	for _, c := range x.clients {
		if c.reads {
			c.Respond(m)
		}
	}
	if x.Monitor == nil {
		taken()
		return
	}
	x.Monitor(data, taken)
}

func (x *Session) ended() {
	x.closed = true
	if x.Closed != nil {
		x.Closed()
	}
	x.settle()
}

// settle ends the session when nothing is left to wait for.
func (x *Session) settle() {
	if x.over || x.waits || !x.closed || !x.exited {
		return
	}
	x.over = true
	for _, c := range x.clients {
		x.bye(c, "session exiting", x.status)
	}
	x.clients = nil
	x.input.Abandon()
	x.term.Close()
	x.server.remove(x)
}

func (x *Session) bye(c *client, why string, status int) {
	c.Respond(&rpc.TerminalMessage{Type: "exit", Message: why, Status: &status})
	c.Fail(syscall.ENODATA)
}

// message serves what a client sends.
func (x *Session) message(c Request) {
	var m rpc.TerminalMessage
	err := c.Decode(&m)
	if err == nil {
		err = x.take(c, &m)
	}
	switch {
	case err != nil:
		c.Fail(err)
	case m.Type != "attach":
		c.Respond(nil)
	}
}

func (x *Session) take(c Request, m *rpc.TerminalMessage) error {
	from := x.client(c.Sender())
	switch {
	case m.Type == "attach" && from != nil:
		return syscall.EEXIST
	case m.Type == "attach":
		return x.attach(c, m)
	case from == nil:
		return syscall.ENOENT
	}
	switch m.Type {
	case "resize":
		return x.resize(m.Winsize)
	case "data":
		return x.typed(from, m)
	case "detach":
		x.detach(c.Sender())
		return nil
	}
	return message.Errorf(syscall.ENOSYS, "unhandled message type=%s", m.Type)
}

func (x *Session) attach(c Request, m *rpc.TerminalMessage) error {
	n := &client{Request: c}
	switch m.Mode {
	case "rw":
		n.reads, n.writes = true, true
	case "ro":
		n.reads = true
	case "wo":
		n.writes = true
	default:
		return message.Errorf(syscall.EPROTO, "invalid mode: %s", m.Mode)
	}
	if n.reads && n.writes {
		if err := x.resize(m.Winsize); err != nil {
			return err
		}
	}
	x.clients = append(x.clients, n)
	c.Respond(&rpc.TerminalMessage{Type: "attach"})
	if n.reads {
		x.waits = false
		x.read()
	}
	x.settle()
	return nil
}

func (x *Session) resize(w *rpc.Winsize) error {
	if w == nil || w.Rows == 0 || w.Cols == 0 {
		return syscall.EINVAL
	}
	return x.term.Resize(w.Rows, w.Cols)
}

func (x *Session) typed(c *client, m *rpc.TerminalMessage) error {
	data, err := m.Bytes()
	if err != nil || !c.writes {
		return err
	}
	return x.input.Write(data)
}

func (x *Session) client(sender string) *client {
	for _, c := range x.clients {
		if c.Sender() == sender {
			return c
		}
	}
	return nil
}

// detach lets a client go.
func (x *Session) detach(sender string) {
	if c := x.client(sender); c != nil {
		x.drop(sender)
		x.bye(c, "Client requested detach", 0)
	}
}

func (x *Session) drop(sender string) {
	for i, c := range x.clients {
		if c.Sender() == sender {
			x.clients = append(x.clients[:i:i], x.clients[i+1:]...)
			return
		}
	}
}

// signal signals the session's processes. One that is to die does not wait for
// a client.
func (x *Session) signal(sig syscall.Signal) error {
	if sig != syscall.SIGWINCH {
		x.waits = false
	}
	if x.exited {
		x.closed = true
		x.settle()
		return nil
	}
	err := x.term.Signal(sig)
	if x.pid > 0 { // who leads the session may be in the background
		if lead := syscall.Kill(-x.pid, sig); err != nil {
			err = lead
		}
	}
	return err
}
