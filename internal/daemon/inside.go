// SPDX-License-Identifier: LGPL-3.0-or-later

package daemon

import (
	"context"
	"os"
	"os/exec"
	"slices"

	"goflux/internal/config"
	"goflux/internal/core/lifecycle"
	"goflux/internal/install"
	"goflux/internal/message"
	"goflux/internal/modprobe"
	"goflux/internal/service"
)

// instance is this broker as package modprobe sees it.
type instance struct{ l *driver }

func (i instance) Rank() uint32                      { return i.l.h.Rank() }
func (i instance) Attr(name string) (string, bool)   { return i.l.d.attrs.Get(name) }
func (i instance) Config() config.Table              { return i.l.b.Config() }
func (i instance) Getenv(name string) (string, bool) { return os.LookupEnv(name) }
func (i instance) Environ() []string                 { return i.l.d.environment() }

// RPC implements modprobe.Instance. It is called off the loop.
func (i instance) RPC(ctx context.Context, topic string, req, resp any) error {
	answer := make(chan *message.Message, 1)
	i.l.h.Post(func() {
		i.l.h.Request(service.Request{Topic: topic, NodeID: message.NodeAny, Payload: req}, func(m *message.Message) { answer <- m })
	})
	select {
	case <-ctx.Done():
		return ctx.Err()
	case m := <-answer:
		if err := m.Err(); err != nil || resp == nil {
			return err
		}
		return m.Decode(resp)
	}
}

// useInside has this process run what the default rc1 and rc3 do, without
// starting others; unless the shell that should run it is not there, which must
// be noticed.
func (l *driver) useInside() {
	if _, err := exec.LookPath(shell()); err != nil {
		return
	}
	for name, line := range map[lifecycle.Phase]string{lifecycle.RC1: install.RC1, lifecycle.RC3: install.RC3} {
		p := l.phases[name]
		if p == nil || len(p.commands) != 1 || p.commands[0].text != line {
			continue
		}
		p.commands[0].inside = func(ctx context.Context, out, errs func(string)) error {
			m, err := modprobe.New(instance{l}, modprobe.Options{Out: out, Err: errs})
			if err != nil {
				return err
			}
			defer m.Close()
			if name == lifecycle.RC1 {
				return m.RC1(ctx)
			}
			return m.RC3(ctx)
		}
	}
}

// returns tells whether an init system starts the instance again, with the state
// that it has now.
func (l *driver) returns() bool {
	thrown, _ := l.h.Attr("statedir-cleanup")
	return service.BrokersReturn(l.h) && thrown == "0"
}

// trimCleanup leaves out what rc1 pushed for the end of jobs, and then starts the
// phase. It does when there are none: a throw-away instance ends at once. And it
// does when the init system stops the broker, for then jobs go on.
func (l *driver) trimCleanup(p *phase) {
	usual := slices.Clone(modprobe.CleanupCommands)
	slices.Reverse(usual)
	at := len(p.commands) - len(usual)
	if at < 0 || !slices.EqualFunc(p.commands[at:], usual, func(c *command, line string) bool { return c.text == line }) {
		l.nextCommand(p)
		return
	}
	if l.jobsGoOn {
		l.log.Info("jobs that run go on, and are found again by the next start")
		p.commands = p.commands[:at]
		l.nextCommand(p)
		return
	}
	l.h.Request(service.Request{Topic: "job-manager.stats-get", NodeID: message.NodeAny}, func(m *message.Message) {
		var stats struct {
			ActiveJobs int `json:"active_jobs"`
		}
		if m.Err() == nil && m.Decode(&stats) == nil && stats.ActiveJobs == 0 {
			p.commands = p.commands[:at]
		}
		l.nextCommand(p)
	})
}
