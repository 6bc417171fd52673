// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/process"
	"goflux/internal/sys/terminus"
)

// startTerminusServer starts a server of this user's terminals in the
// background and waits until it serves.
func startTerminusServer(name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ready, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ready.Close()
	cmd := exec.Command(self, "terminus", "server", name)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return err
	}
	why, err := io.ReadAll(ready)
	if err == nil && len(why) > 0 {
		err = errors.New(string(why))
	}
	return err
}

// readyFile is the number of the file on which a server says why it does not
// serve; it closes it when it does.
const readyFile = 3

// terminusServer is the command that the server is.
func (a *app) terminusServer() *cobra.Command {
	return &cobra.Command{
		Use: "server NAME", Short: "hold sessions until the last one ends", Hidden: true, Args: a.operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			ready := os.NewFile(readyFile, "ready")
			s, err := a.newTerminusServer(args[0])
			if err != nil {
				fmt.Fprint(ready, withErrno(err))
			}
			ready.Close()
			if err != nil {
				return exitStatus(1)
			}
			s.run()
			return nil
		},
	}
}

// withErrno is an error's text, after its errno's where it does not say that.
func withErrno(err error) string {
	text, errno := errorText(err), message.ErrnoText(message.Errno(err))
	if strings.Contains(text, errno) {
		return text
	}
	return errno + ": " + text
}

// terminalServer holds sessions for clients. All but the reading of messages
// happens on one loop.
type terminalServer struct {
	*app
	h        *flux.Client
	loop     chan func()
	sessions *terminus.Server
	reaper   *process.Reaper
	waiting  []terminus.Request // kill-server
	over     chan struct{}      // closed when no session is left
	ended    bool
}

func (a *app) newTerminusServer(name string) (*terminalServer, error) {
	h, err := a.open()
	if err != nil {
		return nil, err
	}
	rank, err := h.Rank(a.ctx)
	if err != nil {
		return nil, err
	}
	const room = 256 // steps that wait for the loop
	s := &terminalServer{app: a, h: h, loop: make(chan func(), room), reaper: process.NewReaper(), over: make(chan struct{})}
	s.sessions = terminus.New(terminus.Options{
		Post: s.post, Service: name, Rank: rank, UserID: uint32(os.Getuid()), Now: time.Now, Empty: s.empty,
	})
	prefix := name + "."
	err = h.Serve(a.ctx, name, func(m *flux.Message) {
		s.post(func() { s.serve(strings.TrimPrefix(m.Topic, prefix), terminalRequest{h, m}) })
	})
	return s, err
}

func (s *terminalServer) post(step func()) { s.loop <- step }

// run serves until the last session has ended or the broker is gone.
func (s *terminalServer) run() {
	for {
		select {
		case step := <-s.loop:
			step()
		case <-s.over:
			return
		case <-s.h.Done():
			s.sessions.KillAll()
			return
		}
	}
}

// empty gives the name back, first of all: who is told that the last session
// has ended finds no server any more.
func (s *terminalServer) empty() {
	s.ended = true
	call, err := s.h.Go("service.remove", flux.NodeAny, map[string]string{"service": s.sessions.Service})
	for _, r := range s.waiting {
		r.Respond(nil)
	}
	go func() {
		if err == nil {
			_, _ = call.Message(s.ctx)
		}
		close(s.over)
	}()
}

func (s *terminalServer) serve(method string, r terminus.Request) {
	switch {
	case s.ended:
		r.Fail(syscall.ENOSYS)
	case method != "new" && method != "kill-server":
		s.sessions.Serve(method, r)
	case r.UserID() != s.sessions.UserID:
		r.Fail(syscall.EPERM)
	case method == "new":
		s.open(r)
	default:
		s.waiting = append(s.waiting, r)
		if s.sessions.KillAll() == 0 {
			s.empty()
		}
	}
}

// open starts a session.
func (s *terminalServer) open(r terminus.Request) {
	var req rpc.TerminalNew
	if err := r.Decode(&req); err != nil {
		r.Fail(err)
		return
	}
	if len(req.Cmd) == 0 {
		req.Cmd = []string{loginShell()}
	}
	if req.Name == "" {
		req.Name = req.Cmd[0]
	}
	x, err := s.sessions.OpenFree(req.Name, req.Wait != 0)
	if err != nil {
		r.Fail(err)
		return
	}
	terminal := process.File(x.Follower())
	p, err := process.Start(&process.Spec{
		Args: req.Cmd, Dir: req.Cwd, Env: append(sessionEnv(req.Environ), fmt.Sprint(terminusSession, "=", x.ID())),
		Stdin: terminal, Stdout: terminal, Stderr: terminal, Session: true, Terminal: true,
	})
	if err != nil {
		r.Fail(message.Errorf(message.Errno(err), "failed to run %s", req.Cmd[0]))
		x.Discard()
		return
	}
	x.Started(p.Pid)
	s.reaper.Watch(p.Pid, func(status syscall.WaitStatus) {
		if status.Exited() || status.Signaled() {
			s.post(func() { x.Exited(int(status)) })
		}
	})
	r.Respond(rpc.TerminalOpened{Name: req.Name, ID: x.ID(), Service: fmt.Sprint(s.sessions.Service, ".", x.ID())})
}

func loginShell() string {
	if shell := os.Getenv("SHELL"); shell != "" {
		return shell
	}
	return "bash"
}

// sessionEnv is the environment that was asked for, or else the server's.
func sessionEnv(want map[string]string) []string {
	if want == nil {
		return os.Environ()
	}
	var env []string
	for name, value := range want {
		env = append(env, name+"="+value)
	}
	return env
}

// terminalRequest is a request to the server. A client that is gone needs no
// answer.
type terminalRequest struct {
	h *flux.Client
	m *flux.Message
}

func (r terminalRequest) Decode(req any) error { return r.m.Decode(req) }
func (r terminalRequest) Sender() string       { return r.m.Sender() }
func (r terminalRequest) UserID() uint32       { return r.m.UserID }
func (r terminalRequest) Fail(err error)       { _ = r.h.Send(r.m.ErrorResponse(err)) }

func (r terminalRequest) Respond(payload any) {
	if r.m.Is(message.FlagNoResponse) {
		return
	}
	m := r.m.Response()
	m.SetValue(payload)
	_ = r.h.Send(m)
}
