// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/subproc"
)

// execGrace is how long processes of tools may go on after SIGTERM, in
// seconds, unless the option rexec-shutdown-timeout says otherwise.
const execGrace = 60.0

// execServer starts processes for tools beside the tasks (RFC 42), by
// UID-shell-ID.rexec.*. A shell whose user is not the instance owner would
// have to check signatures, which this one cannot: it refuses all.
type execServer struct {
	s      *Shell
	server *subproc.Server
	grace  float64
}

func (e *execServer) init() error {
	var sign bool
	e.grace = execGrace
	opts := e.s.job.opts
	if v := opts.get("rexec-shutdown-timeout"); v != nil && v.Kind() != '"' {
		return fmt.Errorf("shell option rexec-shutdown-timeout is not a Flux Standard Duration: %s", v)
	}
	if err := firstError(opts.seconds("rexec-shutdown-timeout", &e.grace), opts.flag("rexec.sign-required", &sign)); err != nil {
		return err
	}
	if sign || e.s.owner() != os.Getuid() {
		e.s.service.handleAll("rexec", func(_ string, m *flux.Message) {
			e.s.link.fail(m, message.Errorf(syscall.EPERM, "request signature required"))
		})
		return nil
	}
	e.server = subproc.New(subproc.Options{
		Post: e.s.post, Reaper: e.s.reaper, Rank: e.s.job.BrokerRank,
		URI: os.Getenv("FLUX_URI"), Environ: e.environ,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	e.s.service.handleAll("rexec", e.serve)
	e.s.service.onDisconnect(e.server.Disconnect)
	return nil
}

// environ is what processes get that come without an environment.
func (e *execServer) environ() []string {
	env := make([]string, 0, len(e.s.job.env))
	for k, v := range e.s.job.env {
		env = append(env, k+"="+v)
	}
	return env
}

func (e *execServer) serve(method string, m *flux.Message) {
	c := &execCall{e.s, m}
	switch method {
	case "exec":
		execute(c, e.server.Exec)
	case "kill":
		execute(c, e.server.Kill)
	case "wait":
		execute(c, e.server.Wait)
	case "attach":
		execute(c, e.server.Attach)
	case "write":
		execute(c, func(c subproc.Request, r *rpc.RexecWrite) { e.server.Write(c.Sender(), r) })
	case "list":
		c.Respond(e.server.List())
	case "disconnect":
		e.server.Disconnect(m.Sender())
	default:
		c.Fail(message.Errorf(syscall.ENOSYS, "Unknown service method %s", m.Topic))
	}
}

func execute[Req any](c *execCall, fn func(subproc.Request, *Req)) {
	req := new(Req)
	if err := c.m.Decode(req); err != nil {
		c.Fail(err)
		return
	}
	fn(c, req)
}

// finish ends the processes with the tasks; the shell waits for them.
func (e *execServer) finish() {
	if e.server == nil || len(e.server.List().Procs) == 0 {
		return
	}
	e.s.hold("rexec")
	late := e.s.after(duration(e.grace), func() {
		e.s.log.warnf("rexec", "processes are killed that outlived SIGTERM by %gs", e.grace)
		e.server.Close()
		e.server = nil
		e.s.release("rexec")
	})
	e.server.Shutdown(syscall.SIGTERM, func() {
		late.stop()
		e.s.release("rexec")
	})
}

func (e *execServer) stop() {
	if e.server != nil {
		e.server.Close()
	}
}

// execCall is a request to the server.
type execCall struct {
	s *Shell
	m *flux.Message
}

func (c *execCall) Respond(payload any) { c.s.link.respond(c.m, payload) }
func (c *execCall) Fail(err error)      { c.s.link.fail(c.m, err) }
func (c *execCall) Streaming() bool     { return c.m.Is(message.FlagStreaming) }
func (c *execCall) Sender() string      { return c.m.Sender() }
func (c *execCall) Matchtag() uint32    { return c.m.Matchtag }
