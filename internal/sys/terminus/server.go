// SPDX-License-Identifier: LGPL-3.0-or-later

package terminus

import (
	"strconv"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
)

// Request is a request of a client, to be answered now or later.
type Request interface {
	Decode(req any) error
	Respond(payload any)
	Fail(err error)
	Sender() string
	UserID() uint32
}

// Options are what a server needs.
type Options struct {
	Post    func(func()) // runs a function on the loop, from any goroutine
	Service string       // the name clients use
	Rank    uint32
	UserID  uint32 // who may attach
	Now     func() time.Time
	// Empty is called when the last session has ended.
	Empty func()
}

// Server is a terminal server.
type Server struct {
	Options
	born     time.Time
	sessions []*Session
}

// New returns a server without sessions.
func New(o Options) *Server { return &Server{Options: o, born: o.Now()} }

// Serve serves a method: list, kill, disconnect, or a session's id.
func (s *Server) Serve(method string, c Request) {
	if c.UserID() != s.UserID {
		c.Fail(syscall.EPERM)
		return
	}
	switch method {
	case "list":
		c.Respond(s.list())
	case "kill":
		s.kill(c)
	case "disconnect":
		s.Disconnect(c.Sender())
	default:
		id, err := strconv.Atoi(method)
		session := s.find(id)
		if err != nil || session == nil {
			c.Fail(message.Errorf(syscall.ENOSYS, "Unknown service method %s.%s", s.Service, method))
			return
		}
		session.message(c)
	}
}

// Disconnect is told of a client that is gone.
func (s *Server) Disconnect(sender string) {
	for _, session := range append([]*Session(nil), s.sessions...) {
		session.detach(sender)
	}
}

func (s *Server) list() *rpc.TerminalList {
	l := &rpc.TerminalList{
		Sessions: []rpc.TerminalSession{},
		Server:   rpc.TerminalServer{Service: s.Service, Rank: s.Rank, Ctime: seconds(s.born)},
	}
	for _, x := range s.sessions {
		info := rpc.TerminalSession{ID: x.id, Name: x.name, Clients: len(x.clients), Pid: x.pid, Ctime: seconds(x.born)}
		if x.exited {
			info.Exited = 1
		}
		l.Sessions = append(l.Sessions, info)
	}
	return l
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

func (s *Server) kill(c Request) {
	var req rpc.TerminalKill
	if err := c.Decode(&req); err != nil {
		c.Fail(err)
		return
	}
	x := s.find(req.ID)
	switch {
	case x == nil:
		c.Fail(syscall.ENOENT)
		return
	case req.Signal <= 0:
		c.Fail(syscall.EINVAL)
		return
	}
	if req.Wait != 0 {
		x.clients = append(x.clients, &client{Request: c})
	}
	if err := x.signal(syscall.Signal(req.Signal)); err != nil {
		x.drop(c.Sender())
		c.Fail(err)
		return
	}
	if req.Wait == 0 {
		c.Respond(nil)
	}
}

// KillAll kills all sessions, whether somebody waits for them or not, and
// returns how many there were.
func (s *Server) KillAll() int {
	all := append([]*Session(nil), s.sessions...)
	for _, x := range all {
		_ = x.signal(syscall.SIGKILL) // what has ended meanwhile is over
	}
	return len(all)
}

func (s *Server) find(id int) *Session {
	for _, x := range s.sessions {
		if x.id == id {
			return x
		}
	}
	return nil
}

func (s *Server) remove(x *Session) {
	for i := range s.sessions {
		if s.sessions[i] == x {
			s.sessions = append(s.sessions[:i:i], s.sessions[i+1:]...)
			break
		}
	}
	if len(s.sessions) == 0 && s.Empty != nil {
		s.Empty()
	}
}
