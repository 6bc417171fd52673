// SPDX-License-Identifier: LGPL-3.0-or-later

package subproc

import (
	"log/slog"
	"os"
	"strconv"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/process"
)

// Request is a request of a client, to be answered now or later.
type Request interface {
	Respond(payload any)
	Fail(err error)
	Streaming() bool
	// Sender and Matchtag identify a request among all.
	Sender() string
	Matchtag() uint32
}

// Options are what a server needs.
type Options struct {
	// Post runs a function on the server's loop; it is called from others.
	Post func(func())
	// Reaper watches the children.
	Reaper *process.Reaper
	Log    *slog.Logger
	// Rank is the broker's, for the I/O objects; URI the local broker's, for
	// the children.
	Rank uint32
	URI  string
	// Environ is the environment of commands that come without one.
	Environ func() []string
}

// Server is a subprocess server.
type Server struct {
	Options
	rank     string
	procs    []*proc // oldest first
	closed   chan struct{}
	stopping bool
	stopped  func()
}

// New returns a server without processes.
func New(o Options) *Server {
	if o.Environ == nil {
		o.Environ = os.Environ
	}
	return &Server{Options: o, rank: strconv.Itoa(int(o.Rank)), closed: make(chan struct{})}
}

// Exec starts a process for c: rexec.exec.
func (s *Server) Exec(c Request, req *rpc.RexecExec) {
	if err := s.checkExec(c, req); err != nil {
		c.Fail(err)
		return
	}
	p, err := s.start(c, req)
	if err != nil {
		c.Fail(message.Errorf(message.Errno(err), "error launching process: %s", message.ErrnoText(message.Errno(err))))
		return
	}
	s.procs = append(s.procs, p)
	p.run()
}

func (s *Server) checkExec(c Request, req *rpc.RexecExec) error {
	background := !c.Streaming()
	switch cmd := req.Cmd; {
	case s.stopping:
		return message.Errorf(syscall.ENOSYS, "subprocess server is shutting down")
	case len(req.Signature) > 0:
		return errSignature
	case cmd == nil:
		return message.Errorf(syscall.EPROTO, "error parsing command string")
	case len(cmd.Cmdline) == 0:
		return message.Errorf(syscall.EPROTO, "command string is empty")
	case background && req.Flags&rpc.RexecWriteCredit != 0:
		return message.Errorf(syscall.EINVAL, "write-credit flag is not allowed in background mode")
	case background && req.LocalFlags&rpc.RexecStdioFallthrough != 0:
		return message.Errorf(syscall.EINVAL, "stdio-fallthrough flag is not allowed in background mode")
	case background && len(cmd.Channels) > 0:
		return message.Errorf(syscall.EINVAL, "auxiliary channels are not allowed in background mode")
	case !background && req.Flags&rpc.RexecWaitable != 0:
		return message.Errorf(syscall.EINVAL, "waitable flag only supported in background mode")
	case len(cmd.MsgChan) > 0:
		return message.Errorf(syscall.ENOSYS, "message channels are not supported")
	case cmd.Label != "" && s.byLabel(cmd.Label) != nil:
		return message.Errorf(syscall.EEXIST, "command label is not unique")
	}
	return nil
}

// errSignature: nothing that runs a server verifies signatures, and a server
// that cannot is to refuse them (RFC 42, Request Authentication).
var errSignature = message.Errorf(syscall.EPERM, "signature verification not available")

// Write feeds a process its client's input: rexec.write. What is for a process
// that is gone, or a stream it does not have, is dropped.
func (s *Server) Write(sender string, req *rpc.RexecWrite) {
	for _, p := range s.procs {
		if p.client != nil && p.client.Sender() == sender && p.client.Matchtag() == req.Matchtag {
			if err := p.write(&req.IO); err != nil {
				s.Log.Error("input for subprocess "+req.IO.Stream, "err", err)
				p.fatal(err)
			}
			return
		}
	}
}

// Kill signals a process and its group: rexec.kill.
func (s *Server) Kill(c Request, req *rpc.RexecKill) {
	p, err := s.find(&req.RexecTarget)
	if err == nil {
		err = p.kill(syscall.Signal(req.Signum))
	}
	if err != nil {
		c.Fail(err)
		return
	}
	c.Respond(nil)
}

// List answers rexec.list.
func (s *Server) List() *rpc.RexecList {
	list := &rpc.RexecList{Rank: s.Rank, Procs: make([]rpc.RexecProc, 0, len(s.procs))}
	for _, p := range s.procs {
		list.Procs = append(list.Procs, p.info())
	}
	return list
}

// Wait answers with a background process's end, at once or when it has come:
// rexec.wait.
func (s *Server) Wait(c Request, req *rpc.RexecTarget) {
	p, err := s.find(req)
	switch {
	case err != nil:
	case !p.waitable:
		err = message.Errorf(syscall.EINVAL, "process is not waitable")
	case p.waiter != nil:
		err = message.Errorf(syscall.EINVAL, "process is already being waited on")
	case p.client != nil:
		err = message.Errorf(syscall.EBUSY, "subprocess has a client attached")
	}
	if err != nil {
		c.Fail(err)
		return
	}
	p.waiter = c
	p.settle()
}

// Attach gives a background process a client: rexec.attach.
func (s *Server) Attach(c Request, req *rpc.RexecAttach) {
	if !c.Streaming() {
		c.Fail(message.Errorf(syscall.EPROTO, "attach request is missing STREAMING flag"))
		return
	}
	p, err := s.find(&req.RexecTarget)
	switch {
	case message.Errno(err) == syscall.ESRCH:
		err = message.Errorf(syscall.ENOENT, "%s", err.Error())
	case err != nil:
	case !p.bg:
		err = message.Errorf(syscall.EBUSY, "subprocess is not in background mode")
	case p.client != nil:
		err = message.Errorf(syscall.EBUSY, "subprocess already has a client attached")
	case p.waiter != nil:
		err = message.Errorf(syscall.EBUSY, "subprocess is being waited on")
	}
	if err != nil {
		c.Fail(err)
		return
	}
	p.attach(c, req.Flags)
}

// Disconnect is told of a client that is gone.
func (s *Server) Disconnect(sender string) {
	for _, p := range append([]*proc(nil), s.procs...) {
		if p.waiter != nil && p.waiter.Sender() == sender {
			p.waiter = nil
		}
		if p.client == nil || p.client.Sender() != sender {
			continue
		}
		p.client = nil
		if !p.bg {
			_ = p.kill(syscall.SIGKILL) // ESRCH: it is gone already
		}
	}
}

// Shutdown refuses new processes, signals those there are, and calls done when
// they have ended.
func (s *Server) Shutdown(sig syscall.Signal, done func()) {
	s.stopping, s.stopped = true, done
	s.killAll(sig)
	s.checkStopped()
}

// Close kills what is left and lets go of everything.
func (s *Server) Close() {
	s.stopping, s.stopped = true, nil
	s.killAll(syscall.SIGKILL)
	close(s.closed)
}

func (s *Server) killAll(sig syscall.Signal) {
	for _, p := range append([]*proc(nil), s.procs...) {
		p.waitable = false
		_ = p.kill(sig) // ESRCH: it is gone already
		p.settle()
	}
}

func (s *Server) checkStopped() {
	if s.stopped != nil && len(s.procs) == 0 {
		done := s.stopped
		s.stopped = nil
		done()
	}
}

func (s *Server) byLabel(label string) *proc {
	for _, p := range s.procs {
		if p.cmd.Label == label {
			return p
		}
	}
	return nil
}

// find returns the process a request names. ESRCH.
func (s *Server) find(t *rpc.RexecTarget) (*proc, error) {
	if len(t.Signature) > 0 {
		return nil, errSignature
	}
	if t.Label != "" {
		if p := s.byLabel(t.Label); p != nil {
			return p, nil
		}
		return nil, message.Errorf(syscall.ESRCH, "label %s does not belong to any subprocess", t.Label)
	}
	for _, p := range s.procs {
		if p.child.Pid == t.Pid {
			return p, nil
		}
	}
	return nil, message.Errorf(syscall.ESRCH, "pid %d does not belong to any subprocess", t.Pid)
}

func (s *Server) forget(p *proc) {
	for i := range s.procs {
		if s.procs[i] == p {
			s.procs = append(s.procs[:i:i], s.procs[i+1:]...)
			break
		}
	}
	s.checkStopped()
}
