// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

// TaskPlan says how many tasks a job runs. The shell's per-resource option
// may make that depend on what is allocated.
type TaskPlan struct {
	// Total is the number of tasks, if PerNode and PerCore are 0.
	Total int64
	// PerNode is the number of tasks on each node of R.
	PerNode int64
	// PerCore is the number of tasks on each core of R.
	PerCore int64
}

// Tasks is the number of tasks, given the nodes and cores in R.
func (p TaskPlan) Tasks(nodes, cores int64) int64 {
	switch {
	case p.PerNode > 0:
		return p.PerNode * nodes
	case p.PerCore > 0:
		return p.PerCore * cores
	}
	return p.Total
}

// TaskPlan works out the number of tasks from counts and shell options.
func (j *Jobspec) TaskPlan(c Counts) (TaskPlan, error) {
	kind, count, err := j.perResource()
	if err != nil {
		return TaskPlan{}, err
	}
	switch kind {
	case "node":
		if c.Nodes.IsFixed() && !c.Nodes.IsZero() {
			return TaskPlan{Total: c.Nodes.Min() * count}, nil
		}
		return TaskPlan{PerNode: count}, nil
	case "core":
		if c.Nodes.IsZero() && c.Slots.IsFixed() {
			return TaskPlan{Total: c.TotalCores() * count}, nil
		}
		return TaskPlan{PerCore: count}, nil
	}
	if len(j.tasks) == 0 {
		return TaskPlan{}, nil
	}
	if total := j.tasks[0].Count.Total; total > 0 {
		return TaskPlan{Total: total}, nil
	}
	perSlot := max(j.tasks[0].Count.PerSlot, 1)
	total, ok := multiply(c.TotalSlots(), perSlot)
	if !ok {
		return TaskPlan{}, errorf("tasks", "counts multiply to more than %d", int64(MaxTotal))
	}
	return TaskPlan{Total: total}, nil
}

// perResource reads attributes.system.shell.options.per-resource; kind is ""
// if it is not set.
func (j *Jobspec) perResource() (kind string, count int64, err error) {
	const path = "attributes.system.shell.options.per-resource"
	raw := j.Attr(path)
	if raw == nil {
		return "", 0, nil
	}
	if _, err := members(raw, path); err != nil {
		return "", 0, err
	}
	if kind, err = decodeString(child(raw, "type"), path+".type"); err != nil {
		return "", 0, err
	}
	count = 1
	if raw := child(raw, "count"); raw != nil {
		count, err = decodePositive(raw, path+".count")
	}
	return kind, count, err
}
