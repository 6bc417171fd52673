// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Layout is what the submission commands are told about resources. Zero means
// not given. Per-task and per-resource members exclude each other.
type Layout struct {
	Nodes     int64 // -N
	Exclusive bool  // -x; needs Nodes

	// Per task (flux run, submit) or per slot (flux batch, alloc).
	Tasks        int64 // -n; default: Nodes, exclusively, or else 1
	CoresPerTask int64 // -c; default 1
	GPUsPerTask  int64 // -g

	// Per resource: total cores, with tasks counted by node or core.
	Cores        int64 // --cores
	TasksPerNode int64 // --tasks-per-node
	TasksPerCore int64 // --tasks-per-core
	GPUsPerNode  int64 // --gpus-per-node; needs Nodes

	// Resources are all there is to say, if not nil: no count above applies,
	// and there is a task in each slot of the first kind.
	Resources []Resource
}

// perResource reports whether the layout counts by resources.
func (l *Layout) perResource() bool {
	return l.Cores != 0 || l.TasksPerNode != 0 || l.TasksPerCore != 0 || l.GPUsPerNode != 0
}

// slotLabel is the label Flux's own commands give the slot.
const slotLabel = "task"

// fromLayout builds a version 1 jobspec of resources, task and an unset
// duration.
func fromLayout(command []string, l Layout) (*Jobspec, error) {
	if len(command) == 0 {
		return nil, errorf("", "command array cannot have length of zero")
	}
	for _, n := range []int64{l.Nodes, l.Tasks, l.CoresPerTask, l.GPUsPerTask, l.Cores,
		l.TasksPerNode, l.TasksPerCore, l.GPUsPerNode} {
		if n > MaxCount {
			return nil, errorf("", "count %d exceeds the maximum of %d", n, MaxCount)
		}
	}
	resources, task, err := l.build()
	if err != nil {
		return nil, err
	}
	task.Command = command
	j := &Jobspec{
		version:   1,
		resources: resources,
		tasks:     []Task{task},
	}
	j.rawResources = appendResources(nil, j.resources)
	j.rawTasks = append(j.tasks[0].append([]byte{'['}), ']')
	if err := j.setAttributes(jsontext.Value(`{"system":{"duration":0}}`)); err != nil {
		return nil, err
	}
	return j, j.setPerResource(l)
}

// build makes the resources, and the task without its command.
func (l Layout) build() ([]Resource, Task, error) {
	if l.Resources != nil {
		label, ok := firstSlot(l.Resources)
		if !ok {
			return nil, Task{}, errorf("resources", "no slot for tasks to run in")
		}
		return l.Resources, Task{Slot: label, Count: TaskCount{PerSlot: 1}}, nil
	}
	build := perTask
	if l.perResource() {
		build = byResource
	}
	top, count, err := build(l)
	return []Resource{top}, Task{Slot: slotLabel, Count: count}, err
}

// firstSlot is the label of the first slot of a graph.
func firstSlot(list []Resource) (label string, ok bool) {
	for _, r := range list {
		if r.Type == "slot" {
			return r.Label, true
		}
		if label, ok = firstSlot(r.With); ok {
			return label, true
		}
	}
	return "", false
}

// setPerResource tells the shell to count tasks by resource, for which
// version 1 has no words.
func (j *Jobspec) setPerResource(l Layout) error {
	const path = "system.shell.options.per-resource"
	switch {
	case l.TasksPerNode > 0:
		return j.SetAttr(path, fmt.Appendf(nil, `{"type":"node","count":%d}`, l.TasksPerNode))
	case l.TasksPerCore > 0:
		return j.SetAttr(path, fmt.Appendf(nil, `{"type":"core","count":%d}`, l.TasksPerCore))
	}
	return nil
}

// perTask has one slot for each task, shared out evenly over the nodes. Where
// that leaves slots over, the number of tasks is given as a total.
func perTask(l Layout) (top Resource, count TaskCount, err error) {
	if l.Tasks == 0 && l.Nodes > 0 {
		l.Tasks, l.Exclusive = l.Nodes, true
	}
	l.Tasks, l.CoresPerTask = orOne(l.Tasks), orOne(l.CoresPerTask)
	switch {
	case l.Tasks < 1:
		return top, count, errorf("", "task count must be a integer >= 1")
	case l.CoresPerTask < 1:
		return top, count, errorf("", "cores per task must be an integer >= 1")
	case l.GPUsPerTask < 0:
		return top, count, errorf("", "gpus per task must be an integer >= 0")
	case l.Nodes < 0:
		return top, count, errorf("", "node count must be an integer >= 1 (if set)")
	case l.Nodes > l.Tasks:
		return top, count, errorf("", "node count must not be greater than task count")
	case l.Nodes == 0 && l.Exclusive:
		return top, count, errorf("", "exclusive can only be set with a node count")
	}
	count.PerSlot = 1
	if l.Nodes == 0 {
		return slot(l.Tasks, l.CoresPerTask, l.GPUsPerTask), count, nil
	}
	if l.Tasks%l.Nodes != 0 {
		count = TaskCount{Total: l.Tasks}
	}
	slots := (l.Tasks + l.Nodes - 1) / l.Nodes
	return node(l, slot(slots, l.CoresPerTask, l.GPUsPerTask)), count, nil
}

func orOne(n int64) int64 {
	if n == 0 {
		return 1
	}
	return n
}

// byResource asks for cores or nodes and leaves the tasks to the shell.
func byResource(l Layout) (top Resource, count TaskCount, err error) {
	if l.Nodes > 0 && l.Cores == 0 {
		l.Exclusive = true
	}
	switch {
	case l.Tasks != 0 || l.CoresPerTask != 0 || l.GPUsPerTask != 0:
		err = errorf("", "Per-resource options can't be used with per-task options.")
	case l.TasksPerNode != 0 && l.TasksPerCore != 0:
		err = errorf("", "Do not specify both the number of tasks per node and per core")
	case l.TasksPerNode < 0 || l.TasksPerCore < 0:
		err = errorf("", "per_resource_count must be >= 1")
	case l.Cores < 0:
		err = errorf("", "ncores must be an integer >= 1")
	case l.GPUsPerNode < 0:
		err = errorf("", "gpus_per_node must be an integer >= 0")
	case l.GPUsPerNode > 0 && l.Nodes == 0:
		err = errorf("", "gpus_per_node must be specified with nnodes")
	case l.Nodes < 0:
		err = errorf("", "nnodes must be an integer >= 1")
	case l.Nodes == 0 && l.Exclusive:
		err = errorf("", "exclusive can only be set with a node count")
	case l.Nodes == 0 && l.Cores == 0:
		err = errorf("", "must specify node or core count with per_resource")
	case l.Nodes > 0 && l.Cores > 0 && l.Cores < l.Nodes:
		err = errorf("", "number of cores cannot be less than nnodes")
	case l.Nodes > 0 && l.Cores%l.Nodes != 0:
		err = errorf("", "number of cores must be evenly divisible by node count")
	}
	if err != nil {
		return top, count, err
	}
	count.PerSlot = 1
	if l.Nodes == 0 {
		return slot(l.Cores, 1, 0), count, nil
	}
	return node(l, slot(1, max(l.Cores/l.Nodes, 1), l.GPUsPerNode)), count, nil
}

func slot(count, cores, gpus int64) Resource {
	with := []Resource{{Type: "core", Count: Fixed(cores)}}
	if gpus > 0 {
		with = append(with, Resource{Type: "gpu", Count: Fixed(gpus)})
	}
	return Resource{Type: "slot", Count: Fixed(count), With: with, Label: slotLabel}
}

func node(l Layout, slot Resource) Resource {
	n := Resource{Type: "node", Count: Fixed(l.Nodes), With: []Resource{slot}}
	if l.Exclusive {
		n.Exclusive = &l.Exclusive
	}
	return n
}
