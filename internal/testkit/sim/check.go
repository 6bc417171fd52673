// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/jobid"
	"goflux/rset"
)

// checker watches the instance from outside and holds it to what it promises.
// It follows the events of all jobs: those that it was shown were durable.
type checker struct {
	w      *world
	logs   map[jobid.ID]*joblog
	ids    []jobid.ID        // in the order in which they were first seen
	held   map[unit]jobid.ID // by the event logs
	has    map[jobid.ID][]unit
	starts map[attempt]bool
	acked  []promise
	output map[voice]int // lines that were acknowledged
	notes  []note        // that were acknowledged
	ended  int           // jobs
	client *client
	synced bool // the history has been shown
}

// unit is a core or a GPU.
type unit struct {
	rank uint32
	kind byte
	id   uint32
}

// promise is what an answer has said.
type promise struct {
	id   jobid.ID
	what string // must occur in the event log
}

func newChecker(w *world) *checker {
	return &checker{w: w, logs: map[jobid.ID]*joblog{}, held: map[unit]jobid.ID{}, has: map[jobid.ID][]unit{}, starts: map[attempt]bool{}, output: map[voice]int{}}
}

// units are the cores and GPUs of R, those of one rank or all.
func units(r *rset.R, only func(rank uint32) bool) []unit {
	var all []unit
	for n := range r.Nodes() {
		if only != nil && !only(n.Rank()) {
			continue
		}
		for id := range n.Cores().All() {
			all = append(all, unit{n.Rank(), 'c', id})
		}
		for id := range n.GPUs().All() {
			all = append(all, unit{n.Rank(), 'g', id})
		}
	}
	return all
}

// online follows the events of all jobs, when a leader has come up.
func (c *checker) online(b *broker) {
	if b.node.rank != 0 {
		return
	}
	c.client, c.synced = b.newClient(), false
	shown := map[jobid.ID]bool{}
	mine := c.client
	mine.request("job-manager.events-journal", rpc.JobsJournal{Full: true}, message.FlagStreaming, func(m *message.Message) {
		if c.client != mine {
			return
		}
		if err := m.Err(); err != nil {
			if !b.leaving {
				c.w.fail("job-manager.events-journal: %v", err)
			}
			return
		}
		var ev rpc.JobEvents
		if err := m.Decode(&ev); err != nil {
			c.w.fail("job-manager.events-journal: %v", err)
			return
		}
		switch {
		case ev.ID == rpc.JobEventsSentinel:
			c.synced = true
			for _, id := range c.ids {
				if !shown[id] {
					c.w.fail("job %s is lost: it was there before the leader restarted\n%s", id, c.logs[id])
					return
				}
			}
		case c.synced:
			c.took(&ev)
		default:
			shown[ev.ID] = true
			c.compare(&ev)
		}
	})
}

// compare holds a log as a restarted leader has it to what was known: nothing
// that was shown may be missing.
func (c *checker) compare(ev *rpc.JobEvents) {
	l := c.logs[ev.ID]
	if l == nil {
		c.took(ev)
		return
	}
	for i, line := range l.lines {
		if i >= len(ev.Events) || string(ev.Events[i]) != line {
			var now []string
			for _, e := range ev.Events {
				now = append(now, string(e))
			}
			c.w.fail("job %s: its log is not the one that was shown\nshown:\n%s\nnow:\n%s", ev.ID, l, strings.Join(now, "\n"))
			return
		}
	}
	ev.Events = ev.Events[len(l.lines):]
	c.took(ev)
}

// took takes in events of a job.
func (c *checker) took(ev *rpc.JobEvents) {
	l := c.logs[ev.ID]
	if l == nil {
		l = &joblog{}
		c.logs[ev.ID] = l
		c.ids = append(c.ids, ev.ID)
	}
	if ev.R != nil {
		l.r = string(ev.R)
	}
	for _, raw := range ev.Events {
		line := string(raw)
		if strings.Contains(line, `"name":"annotations"`) {
			continue // shown, not kept
		}
		if c.w.detail != nil {
			c.w.note("event", ev.ID, line)
		}
		c.w.mixText(line)
		e, err := l.add(line)
		if err != nil {
			c.w.fail("job %s: its log is no walk of RFC 21: %v\n%s", ev.ID, err, l)
			return
		}
		switch e.Name {
		case "alloc":
			c.hold(ev.ID, l)
		case "free":
			c.free(ev.ID)
		case "clean":
			c.ended++
		}
	}
}

// hold notes what a job was given: nobody else may have it.
func (c *checker) hold(id jobid.ID, l *joblog) {
	r, err := rset.Parse([]byte(l.r))
	if err != nil {
		c.w.fail("job %s: R: %v", id, err)
		return
	}
	c.has[id] = units(r, nil)
	for _, u := range c.has[id] {
		if other, taken := c.held[u]; taken && other != id {
			c.w.fail("%c%d of rank %d was given to job %s and to job %s\n%s\n\n%s", u.kind, u.id, u.rank, other, id, c.logs[other], l)
			return
		}
		c.held[u] = id
	}
}

func (c *checker) free(id jobid.ID) {
	for _, u := range c.has[id] {
		if c.held[u] == id {
			delete(c.held, u)
		}
	}
	delete(c.has, id)
}

// started judges a shell's start, on a node where others run.
func (c *checker) started(n *node, x *shell, live []*shell) {
	key := attempt{x.info.ID, x.info.Attempt, n.rank}
	l := c.logs[x.info.ID]
	if c.starts[key] {
		c.w.fail("job %s was started twice in attempt %d on rank %d\n%s", x.info.ID, x.info.Attempt, n.rank, l)
		return
	}
	c.starts[key] = true
	here := func(rank uint32) bool { return rank == n.rank }
	mine := units(x.r, here)
	if len(mine) == 0 {
		c.w.fail("job %s was started on rank %d, where it has nothing", x.info.ID, n.rank)
		return
	}
	for _, y := range live {
		for _, u := range units(y.r, here) {
			if slices.Contains(mine, u) {
				c.w.fail("%c%d of rank %d is used by job %s, which began later than job %s, which still runs\n%s\n\n%s",
					u.kind, u.id, u.rank, x.info.ID, y.info.ID, c.logs[x.info.ID], c.logs[y.info.ID])
				return
			}
		}
	}
}

// moduleFailed judges a module that ended by itself.
func (c *checker) moduleFailed(b *broker, name string, err error) {
	switch message.Errno(err) {
	case syscall.EHOSTUNREACH: // it asked upstream, and there was nobody
		return
	case syscall.ENOSPC:
		if b.node.rank == 0 {
			return
		}
	}
	c.w.fail("rank %d: module %s ended: %v", b.node.rank, name, err)
}

// promised notes what an answer has promised, to be looked for in the log.
func (c *checker) promised(id jobid.ID, what string) { c.acked = append(c.acked, promise{id, what}) }

// kept holds the logs to the promises.
func (c *checker) kept() {
	for _, p := range c.acked {
		l := c.logs[p.id]
		if l == nil {
			c.w.fail("job %s was acknowledged and is not there", p.id)
			return
		}
		if !strings.Contains(l.String(), p.what) {
			c.w.fail("job %s: acknowledged, and not in its log: %s\n%s", p.id, p.what, l)
			return
		}
	}
}

// rest holds the instance to rest: no job is active, nothing is held, no shell
// runs, nobody waits.
func (c *checker) rest() {
	c.kept()
	c.heard()
	for _, id := range c.ids {
		if l := c.logs[id]; l.clean != 1 {
			c.w.fail("job %s has %d ends\n%s", id, l.clean, l)
			return
		}
	}
	for u, id := range c.held {
		c.w.fail("%c%d of rank %d is still held by job %s", u.kind, u.id, u.rank, id)
		return
	}
	for _, n := range c.w.nodes {
		for _, x := range n.procs.live() {
			c.w.fail("rank %d: a shell of job %s runs, though everything has ended\n%s", n.rank, x.info.ID, c.logs[x.info.ID])
			return
		}
		if b := n.broker; b != nil {
			for _, cl := range b.clients {
				for _, p := range cl.open {
					if !strings.Contains(p.topic, "journal") {
						c.w.fail("rank %d: %s of %.3f s has not been answered", n.rank, p.topic, p.since.Seconds())
						return
					}
				}
			}
		}
	}
}

// active are the jobs that have not ended, for a report.
func (c *checker) active() string {
	var b strings.Builder
	n := 0
	for _, id := range c.ids {
		l := c.logs[id]
		if l.clean > 0 {
			continue
		}
		if n++; n <= 3 {
			fmt.Fprintf(&b, "\njob %s\n%s", id, l)
		}
	}
	return fmt.Sprintf("%d of %d jobs have not ended%s", n, len(c.ids), b.String())
}

// listed compares what job-list shows of every job with its log.
func (c *checker) listed(jobs []map[string]any) {
	seen := map[jobid.ID]bool{}
	for _, j := range jobs {
		id, _ := j["id"].(int64)
		seen[jobid.ID(id)] = true
		l := c.logs[jobid.ID(id)]
		if l == nil {
			c.w.fail("job-list shows job %s, of which there are no events", jobid.ID(id))
			return
		}
		if s, _ := j["state"].(int64); s != 64 {
			c.w.fail("job-list shows job %s in state %v\n%s", jobid.ID(id), j["state"], l)
			return
		}
		if ok, _ := j["success"].(bool); ok != (l.finished && !l.fatal && strings.Contains(l.String(), `"name":"finish","context":{"status":0}`)) {
			c.w.fail("job-list shows job %s with success %v\n%s", jobid.ID(id), j["success"], l)
			return
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.logs)) {
		if !seen[id] {
			c.w.fail("job-list does not show job %s\n%s", id, c.logs[id])
			return
		}
	}
}

// accounts holds what the scheduler says to what there is: everything is free,
// allocated or down.
func (c *checker) accounts(st *rpc.SchedStatus) {
	if has, want := c.size(st.All), len(c.w.nodes)*(coresPerNode+gpusPerNode); has != want {
		c.w.fail("the scheduler knows %d cores and GPUs of %d", has, want)
		return
	}
	c.size(st.Allocated)
	c.size(st.Down)
}

// size counts the cores and GPUs of R, all of which must be there.
func (c *checker) size(r *rset.R) int {
	count := 0
	for n := range r.Nodes() {
		there := int(n.Rank()) < len(c.w.nodes)
		for id := range n.Cores().All() {
			there = there && id < coresPerNode
			count++
		}
		for id := range n.GPUs().All() {
			there = there && id < gpusPerNode
			count++
		}
		if !there {
			c.w.fail("the scheduler knows cores %v, GPUs %v of rank %d, and they are not all there", n.Cores(), n.GPUs(), n.Rank())
		}
	}
	return count
}
