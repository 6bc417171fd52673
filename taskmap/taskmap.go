// SPDX-License-Identifier: LGPL-3.0-or-later

package taskmap

import (
	"fmt"
	"iter"
	"slices"

	"goflux/idset"
)

// Limits on what a Map can describe. They bound the work of listing its tasks.
const (
	// MaxTasks bounds the tasks of a map: sixteen million, some ten times what
	// the largest machines run one of per core.
	MaxTasks = 1 << 24

	// MaxNodes bounds the node ids of a map, which are below it.
	MaxNodes = 1 << 24
)

// Block is PPN tasks on each of Nodes nodes, beginning with node id Node, and
// all that Repeat times over.
type Block struct{ Node, Nodes, PPN, Repeat int }

// end is the node id after the last one of the block.
func (b Block) end() int { return b.Node + b.Nodes }

// round is the number of tasks of one repetition.
func (b Block) round() int { return b.Nodes * b.PPN }

func (b Block) tasks() int { return b.round() * b.Repeat }

// check reports what keeps b from joining a map of tasks tasks.
func (b Block) check(tasks int) error {
	switch {
	case b.Node < 0 || b.Nodes < 1 || b.PPN < 1 || b.Repeat < 1:
		return fmt.Errorf("block %v: want a node id of at least 0, and at least 1 node, task and repetition", b)
	case b.Node > MaxNodes || b.Nodes > MaxNodes-b.Node:
		return fmt.Errorf("block %v: node ids exceed the maximum of %d", b, MaxNodes-1)
	case b.PPN > MaxTasks || b.Repeat > MaxTasks || b.round() > MaxTasks || b.tasks() > MaxTasks-tasks:
		return fmt.Errorf("block %v: more than the maximum of %d tasks", b, MaxTasks)
	}
	return nil
}

// String is the block as RFC 34 writes it: "[0,4,4,1]".
func (b Block) String() string { return string(b.append(nil)) }

// Map tells on which node each task runs. The zero value is the unknown map,
// ready for use.
type Map struct {
	blocks []Block
	nodes  int
	tasks  int
}

// New returns an unknown map, to be filled by Append.
func New() *Map { return &Map{} }

// Append adds tasks at the end of the map: ppn on each of nnodes nodes from
// node id node on, repeat times over. Where the result can be written with
// fewer blocks it is.
func (m *Map) Append(node, nnodes, ppn, repeat int) error {
	b := Block{node, nnodes, ppn, repeat}
	if err := m.add(b); err != nil {
		return fmt.Errorf("taskmap: %w", err)
	}
	for n := len(m.blocks); n > 1; n-- {
		joined, ok := join(m.blocks[n-2], m.blocks[n-1])
		if !ok {
			break
		}
		m.blocks = append(m.blocks[:n-2], joined)
	}
	return nil
}

// add is Append without joining: RFC 34 maps are kept as they were written.
func (m *Map) add(b Block) error {
	if err := b.check(m.tasks); err != nil {
		return err
	}
	m.blocks = append(m.blocks, b)
	m.nodes = max(m.nodes, b.end())
	m.tasks += b.tasks()
	return nil
}

// join makes one block of two that follow one another, if there is one that
// means the same.
func join(a, b Block) (Block, bool) {
	switch {
	case a.Repeat == 1 && b.Repeat == 1 && a.end() == b.Node && a.PPN == b.PPN:
		a.Nodes += b.Nodes
	case a.Node == b.Node && a.Nodes == 1 && b.Nodes == 1:
		a.PPN, a.Repeat = a.tasks()+b.tasks(), 1
	case a.Node == b.Node && a.Nodes == b.Nodes && a.PPN == b.PPN:
		a.Repeat += b.Repeat
	default:
		return a, false
	}
	return a, true
}

// Blocks returns a copy of the blocks.
func (m *Map) Blocks() []Block { return slices.Clone(m.view()) }

// Unknown reports whether the map says nothing (RFC 34).
func (m *Map) Unknown() bool { return len(m.view()) == 0 }

// TotalNodes is one more than the largest node id, 0 if the map is unknown.
func (m *Map) TotalNodes() int {
	if m == nil {
		return 0
	}
	return m.nodes
}

// TotalTasks is the number of tasks, 0 if the map is unknown.
func (m *Map) TotalTasks() int {
	if m == nil {
		return 0
	}
	return m.tasks
}

// NodeID returns the node on which a task runs; ok is false if there is no
// such task.
func (m *Map) NodeID(task int) (node int, ok bool) {
	if task < 0 {
		return 0, false
	}
	for _, b := range m.view() {
		if task < b.tasks() {
			return b.Node + task%b.round()/b.PPN, true
		}
		task -= b.tasks()
	}
	return 0, false
}

// NTasks is the number of tasks on a node, 0 if the map does not name it.
func (m *Map) NTasks(node int) int {
	n := 0
	for _, b := range m.view() {
		if b.Node <= node && node < b.end() {
			n += b.PPN * b.Repeat
		}
	}
	return n
}

// TaskIDs is the set of the tasks on a node, empty if the map does not name
// it.
func (m *Map) TaskIDs(node int) *idset.Set {
	ids := idset.New()
	first := 0
	for _, b := range m.view() {
		if b.Node <= node && node < b.end() {
			for r := range b.Repeat {
				lo := first + r*b.round() + (node-b.Node)*b.PPN
				ids.AddRange(uint32(lo), uint32(lo+b.PPN-1))
			}
		}
		first += b.tasks()
	}
	return ids
}

// All yields task and node id of every task, tasks ascending.
func (m *Map) All() iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		task := 0
		for _, b := range m.view() {
			for i := range b.tasks() {
				if !yield(task, b.Node+i%b.round()/b.PPN) {
					return
				}
				task++
			}
		}
	}
}

// Equal reports whether both maps put the same tasks on the same nodes, in
// however many blocks.
func (m *Map) Equal(o *Map) bool {
	if m.TotalTasks() != o.TotalTasks() || m.TotalNodes() != o.TotalNodes() {
		return false
	}
	return slices.Equal(m.canonical(), o.canonical())
}

// canonical lists runs of tasks on one node as blocks of one node, joined.
func (m *Map) canonical() []Block {
	var runs []Block
	for _, b := range m.view() {
		for range b.Repeat {
			for n := range b.Nodes {
				run := Block{b.Node + n, 1, b.PPN, 1}
				if k := len(runs); k > 0 && runs[k-1].Node == run.Node {
					runs[k-1].PPN += run.PPN
					continue
				}
				runs = append(runs, run)
			}
		}
	}
	return runs
}

// Check reports whether m has as many nodes and tasks as want: a map that is
// to take want's place must.
func (m *Map) Check(want *Map) error {
	if got, want := m.TotalNodes(), want.TotalNodes(); got != want {
		return fmt.Errorf("taskmap: got %d nodes, expected %d", got, want)
	}
	if got, want := m.TotalTasks(), want.TotalTasks(); got != want {
		return fmt.Errorf("taskmap: got %d total tasks, expected %d", got, want)
	}
	return nil
}

// view is the blocks of a map that may be nil.
func (m *Map) view() []Block {
	if m == nil {
		return nil
	}
	return m.blocks
}
