// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"

	"goflux/flux"
	"goflux/idset"
	"goflux/internal/rpc"
)

// tasksDone lets the leader know when all tasks of the job have ended: each
// shell reports. A shell that is lost counts as having reported.
type tasksDone struct {
	s    *Shell
	left *idset.Set // leader: shells that have not reported; nil when all have
}

func (d *tasksDone) init() error {
	if !d.s.leader() {
		return nil
	}
	d.left = idset.FromRange(0, uint32(d.s.plan.size()-1))
	d.s.service.handle("tasks-complete", handler(d.s, func(_ *flux.Message, r *rpc.ShellRank) error {
		if r.ShellRank < 0 || r.ShellRank >= d.s.plan.size() {
			return fmt.Errorf("there is no shell %d", r.ShellRank)
		}
		d.report(r.ShellRank)
		return nil
	}))
	return nil
}

func (d *tasksDone) finish() {
	if d.s.leader() {
		d.report(0)
		return
	}
	d.s.tell(0, "tasks-complete", rpc.ShellRank{ShellRank: d.s.plan.self})
}

func (d *tasksDone) shellLost(rank int) { d.report(rank) }

func (d *tasksDone) report(rank int) {
	if d.left == nil {
		return
	}
	d.s.courier.over(rank)
	if d.left.Remove(uint32(rank)); d.left.Empty() {
		d.left = nil
		d.s.log.debugf("tasks-complete", "all shells report tasks complete")
		all(d.s, completer.tasksComplete)
	}
}
