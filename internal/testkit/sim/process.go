// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"goflux/idset"
	"goflux/internal/message"
	"goflux/internal/rpc"
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
	w         *world
	n         *node
	a         *actor
	pid       int
	procs     map[int]*process  // that run, by process id
	dirs      map[string]*shell // by directory
	remembers bool              // an agent was here since there was power
}

// process is the process of one shell after the other.
type process struct {
	pid    int
	alive  bool
	runs   *shell           // nil while it waits for a job
	ended  func(status int) // who watches, nil when nobody does
	client *client          // with which it waits
}

// shell is a job's shell with its directory, which outlives it.
type shell struct {
	dir      string
	info     rpc.ShellInfo
	plan     plan
	r        *rset.R
	proc     *process
	begun    bool // it has left a note of that
	alive    bool
	recorded bool // it has left a record of its end, which is
	status   int
	rest     []rpc.ShellRest // which its record has, too

	client  *client // its connection to the broker
	asking  bool    // it has entered a barrier
	passed  int     // barriers
	missing time.Duration
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

func newProcesses(w *world, n *node) *processes {
	return &processes{w: w, n: n, a: w.newActor(), procs: map[int]*process{}, dirs: map[string]*shell{}}
}

// make makes a job's directory.
func (p *processes) make(dir string, info *rpc.ShellInfo) *shell {
	x := &shell{dir: dir, info: *info, alive: true}
	spec, err := jobspec.Parse(info.Jobspec)
	if err == nil {
		err = message.Unmarshal(spec.Attr(planAttr), &x.plan)
	}
	if err == nil {
		x.r, err = rset.Parse(info.R)
	}
	if err != nil {
		p.w.fail("rank %d: what job %s is to do: %v", p.n.rank, info.ID, err)
	}
	p.dirs[dir] = x
	return x
}

// begin has a process begin with a job, soon.
func (p *processes) begin(q *process, x *shell) {
	q.runs, x.proc = x, q
	p.w.after(p.a, p.a.between(time.Millisecond, 20*time.Millisecond), func() {
		if !q.alive || q.runs != x || x.begun {
			return
		}
		p.w.note("shell", p.n.rank, x.info.ID, x.info.Attempt, "process", q.pid)
		p.w.check.started(p.n, x, p.live())
		x.begun = true
		p.meet(x)
	})
}

// live are the shells that run, in order.
func (p *processes) live() []*shell {
	var all []*shell
	for _, pid := range slices.Sorted(maps.Keys(p.procs)) {
		if x := p.procs[pid].runs; x != nil && x.begun && x.alive {
			all = append(all, x)
		}
	}
	return all
}

// Waits of a shell whose request has not reached the leader, as a real one's.
const (
	retryMost   = 2 * time.Second
	restartTime = 2 * time.Minute
)

// link is a shell's connection to a broker that lets it in, or nil. A shell is a
// service there, too.
func (p *processes) link(x *shell) *client {
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
func (p *processes) serve(x *shell, m *message.Message) {
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

// meet is what a shell does first: it waits for the others, as often as is
// planned, and looks for its broker when that is not there.
func (p *processes) meet(x *shell) {
	switch {
	case !x.alive || x.asking:
	case x.passed >= x.plan.Barriers || x.r.Ranks().Len() < 2:
		p.work(x)
	case p.link(x) == nil:
		p.meetLater(x)
	default:
		p.enterBarrier(x)
	}
}

func (p *processes) meetLater(x *shell) {
	p.w.after(p.a, p.a.between(100*time.Millisecond, retryMost), func() { p.meet(x) })
}

func (p *processes) enterBarrier(x *shell) {
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
			p.meet(x)
		case num == syscall.EHOSTUNREACH, x.missing > 0 && p.w.now-x.missing < restartTime:
			p.meetLater(x)
		default: // a shell that cannot begin ends
			p.exit(x, 1<<8)
		}
	})
	call.lost = func() {
		x.asking = false
		p.meetLater(x)
	}
}

// work is a shell's task: it takes its time, prints, and may leave a note.
func (p *processes) work(x *shell) {
	p.w.after(p.a, time.Duration(x.plan.Duration*float64(time.Second)), func() {
		exit := func() { p.exit(x, x.plan.Status) }
		p.speak(&mouth{x: x, lines: x.plan.Lines, done: func() { p.leaveNote(x, exit) }})
	})
}

// exit is a shell's end as it comes to one by itself: it leaves its record, and
// its process ends, or takes another job.
func (p *processes) exit(x *shell, status int) {
	if !x.alive {
		return
	}
	p.w.note("exit", p.n.rank, x.info.ID, status)
	x.alive, x.recorded, x.status = false, true, status
	if x.client != nil {
		x.client.close()
	}
	q := x.proc
	q.runs = nil
	b := p.n.broker
	if b == nil || !b.online || p.n.paused || !x.info.Next || x.r.Ranks().Len() > 1 || p.a.chance(0.2) {
		p.end(q, status)
		return
	}
	q.client = b.newClient()
	req := rpc.AgentNext{ID: x.info.ID, Attempt: x.info.Attempt, Pid: q.pid, Status: status, Rest: x.rest}
	call := q.client.request("job-agent.next", req, 0, func(m *message.Message) {
		q.client.close()
		if !q.alive {
			return
		}
		var job rpc.AgentJob
		if m.Err() != nil || m.Decode(&job) != nil {
			p.end(q, status)
			return
		}
		y := p.dirs[filepath.Dir(job.Info)]
		if y == nil {
			p.w.fail("rank %d: process %d was handed job %s, of which there is no directory", p.n.rank, q.pid, job.ID)
			return
		}
		p.begin(q, y)
	})
	call.lost = func() { p.end(q, status) }
}

// end ends a process.
func (p *processes) end(q *process, status int) {
	if !q.alive {
		return
	}
	q.alive = false
	delete(p.procs, q.pid)
	if x := q.runs; x != nil {
		x.alive = false
		if x.client != nil {
			x.client.close()
		}
	}
	if q.client != nil {
		q.client.close()
	}
	if q.ended != nil {
		q.ended(status)
	}
}

// powerOff ends everything, and what was in memory is gone.
func (p *processes) powerOff() {
	for _, q := range p.procs {
		q.alive, q.ended = false, nil
	}
	for _, x := range p.dirs {
		x.alive = false
	}
	p.procs, p.dirs, p.remembers = map[int]*process{}, map[string]*shell{}, false
}

// brokerGone leaves the shells to themselves.
func (p *processes) brokerGone() {
	for _, q := range p.procs {
		q.ended = nil
	}
}

// attempt is what may run once.
type attempt struct {
	id   jobid.ID
	n    int
	rank uint32
}
