// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"goflux/idset"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/service/jobagent"
	"goflux/internal/sys/topology"
	"goflux/jobid"
	"goflux/jobspec"
	"goflux/rset"
)

// What every node has.
const (
	coresPerNode = 8
	gpusPerNode  = 2
)

func (n *node) inventory() topology.Inventory {
	cores, gpus := idset.New(), idset.New()
	cores.AddRange(0, coresPerNode-1)
	gpus.AddRange(0, gpusPerNode-1)
	return topology.Inventory{Hostname: n.host(), Cores: cores, GPUs: gpus}
}

// processes is a node's process table, and the directories of its jobs.
type processes struct {
	w    *world
	n    *node
	a    *actor
	pid  int
	dirs map[string]*process
}

// process is a shell, with what it leaves behind.
type process struct {
	pid     int
	dir     string
	info    rpc.ShellInfo
	plan    plan
	r       *rset.R
	alive   bool
	status  int
	ended   func(status int) // who watches, nil when nobody does
	client  *client          // its connection to the broker
	asking  bool             // it has entered a barrier
	passed  int              // barriers
	missing time.Duration    // since when the leader's services are
}

// plan is what a simulated job does, from its jobspec.
type plan struct {
	Duration float64 `json:"duration"` // seconds
	Status   int     `json:"status"`   // its wait status
	Deaf     bool    `json:"deaf"`     // to SIGTERM
	Barriers int     `json:"barriers"` // how often its shells wait for each other
	Lines    int     `json:"lines"`    // each shell prints
}

// planAttr is the attribute of a jobspec with the plan.
const planAttr = "system.simulated"

// shells is the node as one life of the job agent sees it.
type shells struct {
	h service.Host
	p *processes
}

var _ jobagent.Node = (*shells)(nil)

// Cores implements jobagent.Node.
func (s *shells) Cores() ([]string, error) { return nil, nil }

// Start implements jobagent.Node.
func (s *shells) Start(st *jobagent.Start) (int, error) {
	p := s.p
	var info rpc.ShellInfo
	if err := message.Unmarshal(st.Info, &info); err != nil {
		p.w.fail("rank %d: the shell's information: %v", p.n.rank, err)
		return 0, err
	}
	spec, err := jobspec.Parse(info.Jobspec)
	if err != nil {
		p.w.fail("rank %d: jobspec of job %s: %v", p.n.rank, info.ID, err)
		return 0, err
	}
	r, err := rset.Parse(info.R)
	if err != nil {
		p.w.fail("rank %d: R of job %s: %v", p.n.rank, info.ID, err)
		return 0, err
	}
	x := &process{dir: st.Dir, info: info, r: r, alive: true}
	if err := message.Unmarshal(spec.Attr(planAttr), &x.plan); err != nil {
		p.w.fail("rank %d: plan of job %s: %v", p.n.rank, info.ID, err)
		return 0, err
	}
	p.pid++
	x.pid = p.pid
	p.w.note("shell", p.n.rank, info.ID, info.Attempt)
	p.w.check.started(p.n, x, p.live())
	p.dirs[st.Dir] = x
	p.w.after(p.a, p.a.between(time.Millisecond, 20*time.Millisecond), func() { p.begin(x) })
	return x.pid, nil
}

// live are the shells that run, in order of their start.
func (p *processes) live() []*process {
	var all []*process
	for _, x := range p.dirs {
		if x.alive {
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(a, b *process) int { return a.pid - b.pid })
	return all
}

// Waits of a shell whose request has not reached the leader, as a real one's.
const (
	retryMost   = 2 * time.Second
	restartTime = 2 * time.Minute
)

// link is a shell's connection to a broker that lets it in, or nil. A shell is a
// service there, too.
func (p *processes) link(x *process) *client {
	b := p.n.broker
	if b == nil || !b.online || p.n.paused {
		return nil
	}
	if x.client == nil || x.client.b != b {
		x.client = b.newClient()
		x.client.serve = func(m *message.Message) { p.serve(x, m) }
		name := fmt.Sprintf("%d-shell-%s", x.info.UserID, x.info.ID.F58ASCII())
		if err := b.router.AddService(name, x.client.id); err != nil {
			p.w.fail("rank %d: the shell of job %s: service %s: %v", p.n.rank, x.info.ID, name, err)
		}
	}
	return x.client
}

// serve answers what a shell is asked.
func (p *processes) serve(x *process, m *message.Message) {
	if m.Is(message.FlagNoResponse) {
		return
	}
	if !strings.HasSuffix(m.Topic, ".barriers") {
		x.client.b.router.Send(m.ErrorResponse(syscall.ENOSYS))
		return
	}
	r := m.Response()
	r.SetValue(rpc.ShellPassed{Passed: x.passed})
	x.client.b.router.Send(r)
}

// brokerOnline has the shells find their broker again.
func (p *processes) brokerOnline() {
	for _, x := range p.live() {
		p.w.after(p.a, p.a.between(100*time.Millisecond, retryMost), func() {
			if x.alive {
				p.link(x)
			}
		})
	}
}

// begin is what a shell does first: it waits for the others, as often as is
// planned, and looks for its broker when that is not there.
func (p *processes) begin(x *process) {
	switch {
	case !x.alive || x.asking:
	case x.passed >= x.plan.Barriers || x.r.Ranks().Len() < 2:
		p.work(x)
	case p.link(x) == nil:
		p.beginLater(x)
	default:
		p.enterBarrier(x)
	}
}

func (p *processes) beginLater(x *process) {
	p.w.after(p.a, p.a.between(100*time.Millisecond, retryMost), func() { p.begin(x) })
}

func (p *processes) enterBarrier(x *process) {
	p.w.note("barrier", p.n.rank, x.info.ID, x.passed+1)
	x.asking = true
	req := rpc.ShellBarrier{ID: x.info.ID, Rank: p.n.rank, Seq: x.passed + 1}
	call := p.link(x).request("job-exec.shell-barrier", req, 0, func(m *message.Message) {
		p.w.note("barrier over", p.n.rank, x.info.ID, m.Err())
		x.asking = false
		num := message.Errno(m.Err())
		if num != syscall.ENOSYS && num != syscall.EAGAIN {
			x.missing = 0
		} else if x.missing == 0 {
			x.missing = p.w.now
		}
		switch {
		case !x.alive:
		case num == 0:
			x.passed++
			p.begin(x)
		case num == syscall.EHOSTUNREACH, x.missing > 0 && p.w.now-x.missing < restartTime:
			p.beginLater(x)
		default: // a shell that cannot begin ends
			p.exit(x, 1<<8)
		}
	})
	call.lost = func() {
		x.asking = false
		p.beginLater(x)
	}
}

// work is a shell's task: it prints, and takes its time.
func (p *processes) work(x *process) {
	p.w.after(p.a, time.Duration(x.plan.Duration*float64(time.Second)), func() {
		p.speak(&mouth{x: x, lines: x.plan.Lines, done: func() { p.exit(x, x.plan.Status) }})
	})
}

// exit ends a shell, which leaves its record.
func (p *processes) exit(x *process, status int) {
	if !x.alive {
		return
	}
	p.w.note("exit", p.n.rank, x.info.ID, status)
	x.alive, x.status = false, status
	if x.client != nil {
		x.client.close()
	}
	if x.ended != nil {
		x.ended(status)
	}
}

// powerOff ends everything, and what was in memory is gone.
func (p *processes) powerOff() {
	for _, x := range p.dirs {
		x.alive, x.ended = false, nil
		p.n.lostPower[x.info.ID] = true
	}
	p.dirs = map[string]*process{}
}

// brokerGone leaves the shells to themselves.
func (p *processes) brokerGone() {
	for _, x := range p.dirs {
		x.ended = nil
	}
}

// Found implements jobagent.Node.
func (s *shells) Found(dir, suffix string) []jobagent.Found {
	var all []*process
	for name, x := range s.p.dirs {
		if filepath.Dir(name) == dir && strings.HasSuffix(name, suffix) {
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(a, b *process) int { return a.pid - b.pid })
	var out []jobagent.Found
	for _, x := range all {
		out = append(out, jobagent.Found{Dir: x.dir, Info: x.info, Pid: x.pid, Alive: x.alive, Status: x.status})
	}
	return out
}

// Watch implements jobagent.Node.
func (s *shells) Watch(dir string, _ int, ended func(status int)) {
	x := s.p.dirs[dir]
	x.ended = func(status int) { s.h.Post(func() { ended(status) }) }
	if !x.alive {
		x.ended(x.status)
	}
}

// slowestDeath is how long a process takes to end by a signal.
const slowestDeath = 300 * time.Millisecond

// Kill implements jobagent.Node.
func (s *shells) Kill(pid int, sig syscall.Signal) error {
	group := pid < 0
	if group {
		pid = -pid
	}
	for _, x := range s.p.live() {
		if x.pid != pid {
			continue
		}
		if sig == syscall.SIGKILL || !x.plan.Deaf {
			s.p.w.after(s.p.a, s.p.a.between(0, slowestDeath), func() { s.p.exit(x, int(sig)) })
		}
		return nil
	}
	return syscall.ESRCH
}

// Log implements jobagent.Node.
func (s *shells) Log(string) string { return "" }

// Remove implements jobagent.Node.
func (s *shells) Remove(dir string) { delete(s.p.dirs, dir) }

// Close implements jobagent.Node.
func (s *shells) Close() {}

// attempt is what may run once.
type attempt struct {
	id   jobid.ID
	n    int
	rank uint32
}
