// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/flux"
	"goflux/idset"
	"goflux/internal/message"
	"goflux/internal/sys/process"
	"goflux/internal/sys/terminus"
)

// pty gives tasks terminals (the option pty): to capture what programs write
// to a terminal, or for a person to attach to (UID-shell-ID.terminus.RANK).
type pty struct {
	s           *Shell
	server      *terminus.Server
	ranks       *idset.Set // local tasks that get one
	capture     bool       // to standard output
	interactive bool       // the first task waits for a person
	sessions    map[*task]*terminus.Session
}

func (p *pty) init() error {
	p.sessions = map[*task]*terminus.Session{}
	if err := p.readOption(); err != nil {
		return err
	}
	p.server = terminus.New(terminus.Options{
		Post: p.s.post, Service: p.s.service.name + ".terminus", Rank: p.s.job.BrokerRank,
		UserID: p.s.service.uid, Now: time.Now,
		Empty: func() { p.s.release("terminus") },
	})
	p.s.service.handleAll("terminus", func(method string, m *flux.Message) {
		p.server.Serve(method, &terminalCall{p.s, m})
	})
	p.s.service.onDisconnect(p.server.Disconnect)
	if p.ranks.Empty() {
		return nil
	}
	// A client may come after the tasks have ended.
	p.s.hold("terminus")
	for _, t := range p.s.tasks {
		if p.ranks.Contains(uint32(t.rank)) {
			if err := p.open(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// readOption reads the option: true for a terminal for each task, or an object
// of ranks, capture and interactive.
func (p *pty) readOption() error {
	p.ranks = idset.New()
	raw := p.s.job.opts.get("pty")
	if raw == nil || raw.Kind() == 'f' || string(raw) == "0" {
		return nil
	}
	ranks := "all"
	p.capture = true
	if raw.Kind() == '{' {
		var err error
		if ranks, err = p.readObject(); err != nil {
			return err
		}
	}
	local := p.s.plan.tasks.TaskIDs(p.s.plan.self)
	if ranks == "all" {
		p.ranks = local
	} else {
		set, err := idset.Parse(ranks)
		if err != nil {
			return fmt.Errorf("invalid shell pty option: ranks: %w", err)
		}
		p.ranks = local.Intersect(set)
	}
	if p.interactive && p.s.leader() && !p.ranks.Contains(0) {
		p.s.log.warnf("pty", "pty: adding pty to rank 0 for interactive support")
		p.ranks.Add(0)
	}
	return nil
}

func (p *pty) readObject() (ranks string, err error) {
	opts := p.s.job.opts
	if err := opts.only("pty", "ranks", "capture", "interactive"); err != nil {
		return "", fmt.Errorf("invalid shell pty option: %w", err)
	}
	if err := opts.flag("pty.interactive", &p.interactive); err != nil {
		return "", err
	}
	p.capture = !p.interactive
	if err := opts.flag("pty.capture", &p.capture); err != nil {
		return "", err
	}
	v := opts.get("pty.ranks")
	switch {
	case v == nil && p.interactive:
		return "0", nil
	case v == nil:
		return "all", nil
	}
	return unquote(v), nil
}

// unquote is a JSON string's text, or any other value as it stands.
func unquote(v jsontext.Value) string {
	var text string
	if message.Unmarshal(v, &text) == nil {
		return text
	}
	return strings.TrimSpace(string(v))
}

// open opens the session of a task.
func (p *pty) open(t *task) error {
	person := p.interactive && t.rank == 0
	x, err := p.server.Open(t.rank, fmt.Sprintf("task%d", t.rank), person)
	if err != nil {
		return fmt.Errorf("pty of task %d: %w", t.rank, err)
	}
	p.sessions[t] = x
	if person {
		p.s.events.add("pty", fmt.Sprintf("terminus.%d", t.rank))
		if p.capture {
			p.s.events.add("capture", 1)
		}
	}
	// Only the first task's terminal can be attached to by "flux job attach":
	// what the others write would not be read at all.
	if p.capture || t.rank != 0 {
		x.Monitor = func(data []byte, taken func()) { p.s.output.piece(t, &p.s.output.conf.stdout, data, taken) }
	}
	return nil
}

func (p *pty) prepareTask(t *task) error {
	x := p.sessions[t]
	if x == nil {
		return nil
	}
	f := process.File(x.Follower())
	t.spec.Stdin, t.spec.Stdout, t.spec.Stderr = f, f, f
	t.spec.Session, t.spec.Terminal = true, true
	t.env["FLUX_TERMINUS_SESSION"] = fmt.Sprint(t.rank)
	return nil
}

func (p *pty) taskStarted(t *task) {
	x := p.sessions[t]
	if x == nil {
		return
	}
	out := p.s.output
	out.ended(t, &out.conf.stderr)
	if x.Monitor == nil {
		out.ended(t, &out.conf.stdout)
	} else {
		t.open++
		x.Closed = func() {
			out.ended(t, &out.conf.stdout)
			t.open--
			t.settle()
		}
	}
	x.Started(t.proc.Pid)
}

func (p *pty) taskExited(t *task) {
	if x := p.sessions[t]; x != nil {
		x.Exited(int(t.status))
	}
}

// terminalCall is a request to the server.
type terminalCall struct {
	s *Shell
	m *flux.Message
}

func (c *terminalCall) Decode(req any) error { return c.m.Decode(req) }
func (c *terminalCall) Respond(payload any)  { c.s.link.respond(c.m, payload) }
func (c *terminalCall) Fail(err error)       { c.s.link.fail(c.m, err) }
func (c *terminalCall) Sender() string       { return c.m.Sender() }
func (c *terminalCall) UserID() uint32       { return c.m.UserID }
