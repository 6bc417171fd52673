// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"strings"

	"goflux/idset"
)

// gpuBind tells the tasks by CUDA_VISIBLE_DEVICES which GPUs are theirs.
type gpuBind struct {
	s    *Shell
	sets []*idset.Set // by local task; nil when all see the same
}

func (g *gpuBind) init() error {
	mode := "on"
	if err := g.s.job.opts.str("gpu-affinity", &mode); err != nil {
		g.s.log.warnf("gpu-affinity", "Failed to get gpu-affinity shell option: a string is expected, not %s", g.s.job.opts.get("gpu-affinity"))
	}
	gpus := g.s.plan.me().gpus
	if mode == "off" {
		return nil
	}
	env := g.s.job.env
	if _, ok := env["CUDA_DEVICE_ORDER"]; !ok { // R's numbers are in the order of the bus
		env["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
	}
	if gpus.Empty() {
		env["CUDA_VISIBLE_DEVICES"] = "-1"
		return nil
	}
	env["CUDA_VISIBLE_DEVICES"] = gpus.Expand()
	list, isMap := strings.CutPrefix(mode, "map:")
	switch {
	case isMap:
		var err error
		g.sets, err = parseSets(list, len(g.s.tasks), "gpuset")
		return err
	case mode == "per-task":
		var each []*idset.Set
		for id := range gpus.All() {
			each = append(each, idset.New(id))
		}
		g.sets = distribute(each, len(g.s.tasks))
	}
	return nil
}

func (g *gpuBind) prepareTask(t *task) error {
	if g.sets != nil {
		t.env["CUDA_VISIBLE_DEVICES"] = g.sets[t.index].Expand()
	}
	return nil
}
