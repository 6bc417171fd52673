// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"slices"
	"sort"

	"goflux/hostlist"
	"goflux/idset"
	"goflux/jobspec"
	"goflux/rset"
	"goflux/taskmap"
)

// plan says how many tasks run on each node of R, and which.
type plan struct {
	nodes  []node // by shell rank
	self   int    // this shell's rank
	ntasks int
	slots  slots
	tasks  *taskmap.Map
	hosts  *hostlist.List
}

// node is a node of R as its shell sees it.
type node struct {
	rank   uint32 // the broker's
	host   string
	cores  *idset.Set
	gpus   *idset.Set
	ntasks int
}

// slots are the counts of the jobspec as far as R has decided them.
type slots struct {
	count       int
	cores, gpus int  // of one
	byNode      bool // the jobspec asks for nodes
	exclusive   bool
	perResource bool // tasks are counted by resources
}

// makePlan places the tasks of a job, seen from the node of a broker rank.
func makePlan(r *rset.R, j *jobspec.Jobspec, brokerRank uint32) (*plan, error) {
	p := &plan{self: -1, hosts: r.Nodelist()}
	for n := range r.Nodes() {
		p.nodes = append(p.nodes, node{rank: n.Rank(), host: n.Host(), cores: n.Cores(), gpus: n.GPUs()})
	}
	sort.SliceStable(p.nodes, func(a, b int) bool { return p.nodes[a].rank < p.nodes[b].rank })
	for i := range p.nodes {
		if p.nodes[i].rank == brokerRank {
			p.self = i
		}
	}
	if p.self < 0 {
		return nil, fmt.Errorf("error fetching rankinfo for rank %d", brokerRank)
	}
	if err := p.distribute(r, j); err != nil {
		return nil, err
	}
	m := taskmap.New()
	for i := range p.nodes {
		if err := m.Append(i, 1, p.nodes[i].ntasks, 1); err != nil {
			return nil, fmt.Errorf("error creating taskmap: %w", err)
		}
	}
	p.tasks = m
	return p, nil
}

func (p *plan) distribute(r *rset.R, j *jobspec.Jobspec) error {
	counts, err := j.Counts()
	if err != nil {
		return fmt.Errorf("error parsing jobspec: %w", err)
	}
	var per struct {
		kind  string
		count int
	}
	tp, err := j.TaskPlan(counts)
	if err != nil {
		return fmt.Errorf("error parsing jobspec: %w", err)
	}
	opts, err := newOptions(j.ShellOptions())
	if err != nil {
		return err
	}
	per.count = 1
	if err := firstError(opts.str("per-resource.type", &per.kind), opts.num("per-resource.count", &per.count)); err != nil {
		return err
	}
	p.slots = countSlots(r, counts, len(p.nodes))
	p.slots.perResource = per.kind != ""
	switch per.kind {
	case "":
		return p.spread(taskCount(j, tp, p.slots), p.slots.cores)
	case "node", "core":
		for i := range p.nodes {
			n := per.count
			if per.kind == "core" {
				n *= p.nodes[i].cores.Len()
			}
			p.nodes[i].ntasks = n
			p.ntasks += n
		}
		return nil
	}
	return fmt.Errorf("error distributing %d tasks per-%s over R", per.count, per.kind)
}

// countSlots prefers what the scheduler wrote into R: the jobspec may give a range.
func countSlots(r *rset.R, c jobspec.Counts, nnodes int) slots {
	s := slots{count: r.NSlots, byNode: !c.Nodes.IsZero(), exclusive: c.NodeExclusive}
	if s.count == 0 {
		if s.count = int(c.Slots.Min()); s.byNode {
			s.count *= nnodes
		}
	}
	if s.count > 0 {
		s.cores = int(r.NCores()) / s.count
		s.gpus = int(r.NGPUs()) / s.count
	}
	return s
}

// taskCount is the number of tasks: as many as slots unless a total is given.
func taskCount(j *jobspec.Jobspec, tp jobspec.TaskPlan, s slots) int {
	if t := j.Tasks(); len(t) > 0 && t[0].Count.Total == 0 {
		return s.count * int(max(1, t[0].Count.PerSlot))
	}
	return int(tp.Total)
}

// spread gives each node tasks in turn, the largest first, while it has cores
// for one more, and begins anew when none has: cores are then shared.
func (p *plan) spread(ntasks, coresPerTask int) error {
	total := 0
	for _, n := range p.nodes {
		total += n.cores.Len()
	}
	if coresPerTask <= 0 {
		if ntasks <= 0 || total/ntasks == 0 {
			return fmt.Errorf("error distributing %d tasks over R", ntasks)
		}
		coresPerTask = total / ntasks
	}
	order := make([]int, len(p.nodes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return p.nodes[b].cores.Len() - p.nodes[a].cores.Len() })
	if smallest := p.nodes[order[len(order)-1]].cores.Len(); smallest < coresPerTask {
		coresPerTask = smallest
	}
	p.ntasks = ntasks
	left := make([]int, len(p.nodes))
	for assigned := 0; assigned < ntasks; {
		round := slices.Clone(order)
		for i := range left {
			left[i] = p.nodes[i].cores.Len()
		}
		for len(round) > 0 && assigned < ntasks {
			next := round[:0]
			for _, i := range round {
				if assigned < ntasks && left[i] >= coresPerTask {
					left[i] -= coresPerTask
					p.nodes[i].ntasks++
					assigned++
					next = append(next, i)
				}
			}
			round = next
		}
	}
	return nil
}

// remap replaces the task map by one that has the same tasks.
func (p *plan) remap(m *taskmap.Map) error {
	if m.Unknown() {
		return fmt.Errorf("invalid taskmap: mapping is unknown")
	}
	if err := m.Check(p.tasks); err != nil {
		return fmt.Errorf("invalid taskmap: %w", err)
	}
	p.tasks = m
	for i := range p.nodes {
		p.nodes[i].ntasks = m.NTasks(i)
	}
	return nil
}

// trim takes away what a version 1 jobspec had to ask for too much: with N
// nodes and a number of tasks that N does not divide, it can only ask for
// equal nodes. Each task then has the resources of one slot.
func (p *plan) trim() {
	if !p.slots.byNode || p.slots.exclusive || p.slots.perResource || len(p.nodes) < 2 || p.slots.count <= p.ntasks {
		return
	}
	for i := range p.nodes {
		n := &p.nodes[i]
		n.cores = firstOf(n.cores, n.ntasks*p.slots.cores)
		n.gpus = firstOf(n.gpus, n.ntasks*p.slots.gpus)
	}
}

func firstOf(s *idset.Set, n int) *idset.Set {
	if s.Len() <= n {
		return s
	}
	out := idset.New()
	for id := range s.All() {
		if out.Len() == n {
			break
		}
		out.Add(id)
	}
	return out
}

func (p *plan) me() *node { return &p.nodes[p.self] }
func (p *plan) size() int { return len(p.nodes) }

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
