// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import "github.com/go-json-experiment/json/jsontext"

// Counts is what a jobspec asks for in nodes, slots, cores and GPUs.
// Resources of other types are passed over, but not what is below them.
type Counts struct {
	// Nodes is the number of nodes, zero if the job does not say. Counts of
	// vertices above the node are multiplied in.
	Nodes Count
	// Slots is the number of task slots: on each node if Nodes is set, else in
	// total.
	Slots Count
	// CoresPerSlot and GPUsPerSlot are the least of the counts given.
	CoresPerSlot, GPUsPerSlot int64
	// NodeExclusive and SlotExclusive are set where a vertex of that type is
	// exclusive: true.
	NodeExclusive, SlotExclusive bool
}

// TotalSlots is the least number of slots in total.
func (c *Counts) TotalSlots() int64 {
	if c.Nodes.IsZero() {
		return c.Slots.Min()
	}
	return c.Slots.Min() * c.Nodes.Min()
}

// TotalCores is the least number of cores in total.
func (c *Counts) TotalCores() int64 { return c.TotalSlots() * c.CoresPerSlot }

// TotalGPUs is the least number of GPUs in total.
func (c *Counts) TotalGPUs() int64 { return c.TotalSlots() * c.GPUsPerSlot }

// Counts works out what is asked for. A version 1 jobspec without a duration
// is refused here, as Flux does.
func (j *Jobspec) Counts() (Counts, error) {
	if err := j.needDuration(); err != nil {
		return Counts{}, err
	}
	w := countWalk{factor: 1}
	if err := w.list(j.resources, 1); err != nil {
		return Counts{}, err
	}
	switch {
	case !w.haveSlot:
		return Counts{}, errorf("", "Unable to determine slot count")
	case w.CoresPerSlot == 0:
		return Counts{}, errorf("", "Unable to determine slot size")
	}
	if w.haveNode {
		var ok bool
		if w.Nodes, ok = w.Nodes.Scaled(w.factor); !ok {
			return Counts{}, errorf("resources", "node count cannot be multiplied by %d", w.factor)
		}
	}
	return w.Counts, w.checkTotals()
}

func (j *Jobspec) needDuration() error {
	if j.version != 1 {
		return nil
	}
	system := j.Attr("system")
	switch {
	case system == nil:
		return errorf("", "getting duration: Object item not found: system")
	case j.Attr("system.duration") == nil:
		return errorf("", "getting duration: Object item not found: duration")
	case j.Attr("system.duration").Kind() != jsontext.KindNumber:
		return errorf("attributes.system.duration", "must be a number")
	}
	return nil
}

type countWalk struct {
	Counts
	haveNode, haveSlot bool
	factor             int64 // product of the counts above the node
}

// list walks vertices depth first. Where a type occurs twice the last counts.
func (w *countWalk) list(vertices []Resource, factor int64) error {
	for i := range vertices {
		v := &vertices[i]
		below, ok := factor, true
		switch v.Type {
		case "node":
			w.haveNode, w.Nodes, w.factor = true, v.Count, factor
			w.NodeExclusive = w.NodeExclusive || v.IsExclusive()
		case "slot":
			w.haveSlot, w.Slots = true, v.Count
			w.SlotExclusive = w.SlotExclusive || v.IsExclusive()
		case "core":
			w.CoresPerSlot = v.Count.Min()
		case "gpu":
			w.GPUsPerSlot = v.Count.Min()
		}
		if v.Type != "node" {
			below, ok = multiply(factor, v.Count.Min())
		}
		if !ok {
			return errorf("resources", "counts multiply to more than %d", int64(MaxTotal))
		}
		if err := w.list(v.With, below); err != nil {
			return err
		}
	}
	return nil
}

// checkTotals makes sure the totals can be computed.
func (c *Counts) checkTotals() error {
	slots, ok := c.Slots.Min(), true
	if !c.Nodes.IsZero() {
		slots, ok = multiply(slots, c.Nodes.Min())
	}
	if ok {
		_, ok = multiply(slots, c.CoresPerSlot)
	}
	if ok {
		_, ok = multiply(slots, c.GPUsPerSlot)
	}
	if !ok {
		return errorf("resources", "counts multiply to more than %d", int64(MaxTotal))
	}
	return nil
}
