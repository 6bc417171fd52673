// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"goflux/fsd"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/sys/signame"
)

// config is the [exec] table as far as it is served (flux-config-exec(5)).
type config struct {
	shell        string
	killTimeout  time.Duration
	maxKillCount int
	termSignal   syscall.Signal
	killSignal   syscall.Signal
	// nodeReturn is how long a node may be away before its jobs have lost it,
	// where brokers return.
	nodeReturn time.Duration
}

// Reconfigure implements service.Configurable.
func (e *exec) Reconfigure() error {
	c := config{nodeReturn: nodeReturn, killTimeout: 5 * time.Second, maxKillCount: 8, termSignal: syscall.SIGTERM, killSignal: syscall.SIGKILL}
	table, ok := e.h.Config()["exec"].(map[string]any)
	if !ok && e.h.Config()["exec"] != nil {
		return message.Errorf(syscall.EINVAL, "error reading config: exec is not a table")
	}
	if err := c.read(table); err != nil {
		return err
	}
	if err := c.read(e.args); err != nil {
		return err
	}
	e.conf = c
	return nil
}

// read takes settings from a table.
func (c *config) read(table map[string]any) error {
	for key, v := range table {
		var err error
		ok := false
		switch key {
		case "job-shell":
			if c.shell, ok = v.(string); !ok {
				err = fmt.Errorf("exec.job-shell must be a string")
			}
		case "kill-timeout":
			s, _ := v.(string)
			if c.killTimeout, err = fsd.Parse(s); err != nil {
				err = fmt.Errorf("invalid kill-timeout: %v", v)
			}
		case "node-return-timeout":
			s, _ := v.(string)
			if c.nodeReturn, err = fsd.Parse(s); err != nil {
				err = fmt.Errorf("invalid node-return-timeout: %v", v)
			}
		case "max-kill-count":
			n, ok := v.(int64)
			if c.maxKillCount = int(n); !ok || n < 1 {
				err = fmt.Errorf("invalid max-kill-count: %v", v)
			}
		case "term-signal":
			c.termSignal, err = parseSignal(key, v)
		case "kill-signal":
			c.killSignal, err = parseSignal(key, v)
		}
		if err != nil {
			return message.Errorf(syscall.EINVAL, "error reading config: %v", err)
		}
	}
	return nil
}

// moduleArgs are the arguments of the module as a table. They override the
// configuration. EINVAL.
func moduleArgs(args []string) (map[string]any, error) {
	table := map[string]any{}
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "job-shell", "kill-timeout", "term-signal", "kill-signal":
			table[key] = value
		case "max-kill-count":
			n, err := strconv.ParseInt(value, 10, 32)
			if err != nil {
				return nil, message.Errorf(syscall.EINVAL, "job-exec: invalid max-kill-count: %s", value)
			}
			table[key] = n
		default:
			return nil, message.Errorf(syscall.EINVAL, "job-exec: unknown option %s", arg)
		}
	}
	return table, nil
}

func parseSignal(key string, v any) (syscall.Signal, error) {
	name, _ := v.(string)
	sig, ok := signame.Parse(name)
	if !ok {
		return 0, fmt.Errorf("invalid %s: %v", key, v)
	}
	return syscall.Signal(sig), nil
}

func signalName(s syscall.Signal) string { return signame.Name(int(s)) }

// killer ends a job that got an exception: first asking, then with force.
type killer struct {
	timer service.Timer
	count int
	// warned: its time is over, which tasks hear as SIGALRM.
	warned bool
}

func (k *killer) stop() {
	if k != nil && k.timer != nil {
		k.timer.Stop()
	}
}

// exception acts on the event job-exception: of severity zero it ends the job.
func (e *exec) exception(m *message.Message) {
	var x rpc.JobException
	if m.Decode(&x) != nil || x.Severity != 0 {
		return
	}
	j := e.jobs[x.ID]
	if j == nil {
		return
	}
	if k := j.killer; k != nil {
		if k.warned && x.Type != "timeout" { // a job that outlives that warning may be canceled, too
			k.warned = false
			e.signal(j, e.conf.termSignal, false)
		}
		return
	}
	j.fatal = true
	j.killer = &killer{}
	if x.WaitStatus != nil {
		j.blame = exitForm(*x.WaitStatus)
	}
	sig := e.conf.termSignal
	if x.Type == "timeout" {
		sig, j.killer.warned = syscall.SIGALRM, true
	}
	if j.mock != nil {
		e.endMock(j, int(sig))
		return
	}
	e.signal(j, sig, false)
	e.escalate(j)
}

// escalate sends the kill signal again and again until the job has ended or is
// considered unkillable.
func (e *exec) escalate(j *job) {
	k := j.killer
	k.timer = e.h.After(e.conf.killTimeout, func() {
		if k.count++; k.count > e.conf.maxKillCount {
			e.unkillable(j)
			return
		}
		e.h.Log().Debug("killing job", "jobid", j.id, "signal", signalName(e.conf.killSignal), "count", k.count)
		// the tasks first: a shell that is killed cannot tell how they ended
		e.h.Publish(fmt.Sprintf("shell-%d.kill", uint64(j.id)), rpc.ShellKill{Signum: int(e.conf.killSignal)})
		if k.count > 1 {
			e.signal(j, e.conf.killSignal, true)
		}
		e.escalate(j)
	})
}

// signal sends a signal to the shells that still run, or all that is theirs.
func (e *exec) signal(j *job, sig syscall.Signal, group bool) {
	for _, rank := range j.ranks {
		sh := j.shells[rank]
		if !sh.ended {
			e.signalShell(j, sh, sig, group)
		}
	}
}

func (e *exec) signalShell(j *job, sh *shell, sig syscall.Signal, group bool) {
	e.h.Request(service.Request{
		Topic: "job-agent.kill", NodeID: sh.rank,
		Payload: rpc.AgentKill{ID: j.id, Signum: int(sig), Group: group},
	}, nil)
}

// unkillable gives up on shells that survive SIGKILL: their nodes are drained.
func (e *exec) unkillable(j *job) {
	ranks := j.activeRanks(nil)
	e.h.Request(service.Request{
		Topic: "resource.drain", NodeID: 0,
		Payload: map[string]any{
			"targets": ranks.String(), "mode": "update",
			"reason": fmt.Sprintf("unkillable user processes for job %s", j.id.F58()),
		},
	}, nil)
	for _, rank := range j.ranks {
		sh := j.shells[rank]
		if !sh.ended {
			j.status = max(j.status, 9)
			e.ended(j, sh)
		}
	}
}

// exitForm turns a task's wait status into the one a shell would exit with:
// 128 and the signal, or the exit code (RFC 32, finish).
func exitForm(status int) *int {
	ws := syscall.WaitStatus(status)
	code := ws.ExitStatus()
	if ws.Signaled() {
		code = 128 + int(ws.Signal())
	}
	code <<= 8
	return &code
}
