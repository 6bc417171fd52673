// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"time"

	"goflux/hostlist"
	"goflux/idset"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// command is a program of the site that runs on some of the instance's nodes,
// by way of their subprocess servers.
type command struct {
	h       service.Host
	cmd     *rpc.Command
	procs   map[uint32]*siteProc
	heard   commandEvents
	patient time.Time // until when nodes that are not there are waited for
}

// commandEvents is how a command goes. ended is called once for each rank, with
// a wait status or why it could not be run.
type commandEvents struct {
	output func(rank uint32, stream, line string)
	ended  func(rank uint32, status int, err error)
}

// siteProc is a command on one rank.
type siteProc struct {
	pid    int // 0 before it runs
	signal syscall.Signal
	status int
	over   bool
}

// After a restart the other brokers take a moment to come back. A command that
// is to run on them is tried again at intervals, but not for ever.
const (
	commandPatience = 5 * time.Minute
	commandRetry    = time.Second
)

// newCommand prepares a command line with variables beside the leader's
// environment.
func (s *jobs) newCommand(line []string, env map[string]string, heard commandEvents) *command {
	all := map[string]string{}
	for _, e := range os.Environ() {
		if k, v, ok := strings.Cut(e, "="); ok {
			all[k] = v
		}
	}
	for k, v := range env {
		all[k] = v
	}
	return &command{
		h: s.h, heard: heard, procs: map[uint32]*siteProc{},
		cmd: &rpc.Command{Cmdline: line, Env: all, Opts: map[string]string{}, Channels: []string{}},
	}
}

// waitForNodes makes the command wait for nodes that are not there, as after a
// restart of the instance.
func (c *command) waitForNodes() { c.patient = c.h.Now().Add(commandPatience) }

// start runs the command on ranks.
func (c *command) start(ranks *idset.Set) {
	for rank := range ranks.All() {
		c.procs[rank] = &siteProc{}
		c.launch(rank)
	}
}

func (c *command) launch(rank uint32) {
	c.h.Request(service.Request{
		Topic: "rexec.exec", NodeID: rank, Flags: message.FlagStreaming,
		Payload: &rpc.RexecExec{Cmd: c.cmd, Flags: rpc.RexecStdout | rpc.RexecStderr},
	}, func(m *message.Message) { c.answer(rank, m) })
}

// answer takes an answer of a subprocess server; the last one is an error.
func (c *command) answer(rank uint32, m *message.Message) {
	p := c.procs[rank]
	if err := m.Err(); err != nil {
		c.end(rank, p, err)
		return
	}
	var ev rpc.RexecEvent
	if err := m.Decode(&ev); err != nil {
		c.end(rank, p, err)
		return
	}
	switch ev.Type {
	case "started":
		p.pid = ev.Pid
		if p.signal != 0 {
			c.signal(rank, p.pid, p.signal)
		}
	case "finished":
		if ev.Status != nil {
			p.status = *ev.Status
		}
	case "output":
		c.print(rank, ev.IO)
	}
}

// end is the end on a rank, unless the rank is waited for.
func (c *command) end(rank uint32, p *siteProc, err error) {
	if p.over {
		return
	}
	if errors.Is(err, syscall.EHOSTUNREACH) && p.pid == 0 && c.h.Now().Before(c.patient) {
		c.h.After(commandRetry, func() {
			if p.signal != 0 {
				c.end(rank, p, syscall.ENODATA)
				return
			}
			c.launch(rank)
		})
		return
	}
	p.over = true
	switch {
	case !errors.Is(err, syscall.ENODATA):
		c.heard.ended(rank, 0, err)
	case p.pid == 0: // signaled before it ran
		c.heard.ended(rank, int(p.signal), nil)
	default:
		c.heard.ended(rank, p.status, nil)
	}
}

// print hands on output line by line; empty lines tell nothing.
func (c *command) print(rank uint32, io *rpc.IO) {
	if io == nil {
		return
	}
	data, err := io.Bytes()
	if err != nil {
		return // a server that breaks the protocol has nothing to say
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
			c.heard.output(rank, io.Stream, line)
		}
	}
}

// kill signals the command on ranks where it has not ended, or will have
// started when it has; nil for all.
func (c *command) kill(ranks *idset.Set, signal syscall.Signal) {
	for rank, p := range c.procs {
		switch {
		case p.over || ranks != nil && !ranks.Contains(rank):
		case p.pid == 0:
			p.signal = signal
		default:
			c.signal(rank, p.pid, signal)
		}
	}
}

func (c *command) signal(rank uint32, pid int, signal syscall.Signal) {
	c.h.Request(service.Request{
		Topic: "rexec.kill", NodeID: rank,
		Payload: &rpc.RexecKill{RexecTarget: rpc.RexecTarget{Pid: pid}, Signum: int(signal)},
	}, func(m *message.Message) {
		if err := m.Err(); err != nil && !errors.Is(err, syscall.ESRCH) {
			c.h.Log().Error("signal to a site's command", "rank", rank, "pid", pid, "err", err)
		}
	})
}

// hostsOf are the names of ranks' hosts, as far as they are known.
func (s *jobs) hostsOf(ranks *idset.Set) string {
	all, out := s.hosts(), &hostlist.List{}
	for rank := range ranks.All() {
		if all == nil {
			break
		}
		if host, ok := all.At(int(rank)); ok {
			_ = out.Append(host) // it stood in a list: it is a name
		}
	}
	if out.Empty() {
		return "unknown"
	}
	return out.String()
}

func (s *jobs) hostOf(rank uint32) string { return s.hostsOf(idset.New(rank)) }

// siteCommand reads the key command of a table of the configuration. Without it,
// the privileged helper runs what is called name.
func siteCommand(v any, imp, name string) (line []string, err error) {
	if v == nil {
		if imp == "" {
			return nil, errNoCommand
		}
		return []string{imp, "run", name}, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, errors.New("command must be an array")
	}
	for _, v := range list {
		arg, ok := v.(string)
		if !ok {
			return nil, errors.New("malformed " + name + " command")
		}
		line = append(line, arg)
	}
	if len(line) == 0 {
		return nil, errors.New("malformed " + name + " command: it is empty")
	}
	return line, nil
}

var errNoCommand = errors.New("no command specified and exec.imp not defined")

// siteEnv are the variables that a site's command finds about a job.
func siteEnv(id string, userid string, ranks *idset.Set) map[string]string {
	return map[string]string{"FLUX_JOB_ID": id, "FLUX_JOB_USERID": userid, "FLUX_JOB_RANKS": ranks.String()}
}
