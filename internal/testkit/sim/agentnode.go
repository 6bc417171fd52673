// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/service/jobagent"
)

// agentNode is a node as one life of its job agent sees it.
type agentNode struct {
	h service.Host
	p *processes
}

var (
	_ jobagent.Node   = (*agentNode)(nil)
	_ jobagent.Hander = (*agentNode)(nil)
)

// Cores implements jobagent.Node.
func (*agentNode) Cores() ([]string, error) { return make([]string, coresPerNode), nil }

// Start implements jobagent.Node.
func (a *agentNode) Start(st *jobagent.Start) (int, error) {
	var info rpc.ShellInfo
	if err := message.Unmarshal(st.Info, &info); err != nil {
		a.p.w.fail("rank %d: the shell's information: %v", a.p.n.rank, err)
		return 0, err
	}
	a.p.pid++
	q := &process{pid: a.p.pid, alive: true}
	a.p.procs[q.pid] = q
	a.p.begin(q, a.p.make(st.Dir, &info))
	return q.pid, nil
}

// Hand implements jobagent.Hander. The process is told by the agent.
func (a *agentNode) Hand(dir string, info *rpc.ShellInfo) error {
	a.p.make(dir, info)
	return nil
}

// Started implements jobagent.Hander.
func (*agentNode) Started(pid int) string { return fmt.Sprint("at ", pid) }

// lostStatus is that of a shell that has left no record.
const lostStatus = int(syscall.SIGKILL)

// Ended implements jobagent.Hander.
func (a *agentNode) Ended(dir string, status int) int {
	switch x := a.p.dirs[dir]; {
	case x != nil && x.recorded:
		return x.status
	case syscall.WaitStatus(status).Signaled():
		return status
	}
	return lostStatus
}

// Found implements jobagent.Node.
func (a *agentNode) Found(dir, suffix string) []jobagent.Found {
	var out []jobagent.Found
	for name, x := range a.p.dirs {
		if filepath.Dir(name) == dir && strings.HasSuffix(name, suffix) {
			out = append(out, a.find(x))
		}
	}
	slices.SortFunc(out, func(a, b jobagent.Found) int { return strings.Compare(a.Dir, b.Dir) })
	return out
}

func (a *agentNode) find(x *shell) jobagent.Found {
	f := jobagent.Found{Dir: x.dir, Info: x.info}
	switch {
	case x.recorded:
		f.Status = x.status
	case !x.begun: // nor will it
		if x.proc != nil {
			a.p.end(x.proc, lostStatus)
		}
		x.alive = false
		f.Unbegun = true
	default:
		f.Pid, f.Alive, f.Status = x.proc.pid, x.proc.alive, lostStatus
	}
	return f
}

// Remembers implements jobagent.Node.
func (a *agentNode) Remembers(_, _ string) bool { return a.p.remembers }

// Remember implements jobagent.Node.
func (a *agentNode) Remember(_, _ string) error {
	a.p.remembers = true
	return nil
}

// Watch implements jobagent.Node.
func (a *agentNode) Watch(_ string, pid int, ended func(status int)) {
	tell := func(status int) { a.h.Post(func() { ended(status) }) }
	if q := a.p.procs[pid]; q != nil {
		q.ended = tell
		return
	}
	tell(lostStatus)
}

// slowestDeath is how long a process takes to end by a signal.
const slowestDeath = 300 * time.Millisecond

// Kill implements jobagent.Node. Asked to end, a shell leaves its record.
func (a *agentNode) Kill(pid int, sig syscall.Signal) error {
	p := a.p
	q := p.procs[max(pid, -pid)]
	if q == nil {
		return syscall.ESRCH
	}
	x := q.runs
	if sig != syscall.SIGKILL && x != nil && x.plan.Deaf {
		return nil
	}
	p.w.after(p.a, p.a.between(0, slowestDeath), func() {
		if sig != syscall.SIGKILL && x != nil && q.runs == x && x.alive && x.begun {
			x.alive, x.recorded, x.status = false, true, int(sig)
		}
		if q.runs == x {
			p.end(q, int(sig))
		}
	})
	return nil
}

// Rest implements jobagent.Node.
func (a *agentNode) Rest(dir string) []rpc.ShellRest {
	if x := a.p.dirs[dir]; x != nil && x.recorded {
		return x.rest
	}
	return nil
}

// Log implements jobagent.Node.
func (*agentNode) Log(string) string { return "" }

// Remove implements jobagent.Node.
func (a *agentNode) Remove(dir string) { delete(a.p.dirs, dir) }

// Close implements jobagent.Node.
func (*agentNode) Close() {}
