// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"os"
	"strconv"

	"goflux/internal/message"
)

// oom tells the kernel how readily to kill the tasks when memory runs out (the
// option oom.adjust), and tells the user when it has killed any: the memory
// controller of the job's cgroup counts.
type oom struct {
	s      *Shell
	adjust *int
	kills  int64
}

func (o *oom) init() error {
	opts := o.s.job.opts
	if err := opts.only("oom", "adjust"); err != nil {
		return fmt.Errorf("oom option error: %w", err)
	}
	if opts.isSet("oom.adjust") {
		o.adjust = new(int)
		if err := opts.num("oom.adjust", o.adjust); err != nil {
			return err
		}
		if *o.adjust < -1000 || *o.adjust > 1000 {
			return fmt.Errorf("oom.adjust=%d is not between -1000 and 1000", *o.adjust)
		}
	}
	o.kills = o.count()
	return nil
}

// taskStarted adjusts a task when it has just started; what it starts inherits that.
func (o *oom) taskStarted(t *task) {
	if o.adjust == nil {
		return
	}
	path := fmt.Sprintf("/proc/%d/oom_score_adj", t.proc.Pid)
	if err := os.WriteFile(path, []byte(strconv.Itoa(*o.adjust)), 0); err != nil {
		o.s.log.warnf("oom", "error adjusting OOM score: %s", message.ErrnoText(message.Errno(err)))
	}
}

func (o *oom) taskExited(*task) {
	n := o.count()
	if n <= o.kills {
		return
	}
	plural := ""
	if n-o.kills > 1 {
		plural = "s"
	}
	o.s.log.errorf("oom", "Memory cgroup out of memory: killed %d task%s on %s.", n-o.kills, plural, o.s.hostname)
	if peak, ok := o.s.seat.cgroup.number("memory.peak"); ok {
		o.s.log.errorf("oom", "memory.peak = %s", sizeText(peak))
	}
	o.kills = n
}

// count is the number of processes that the kernel has killed in the cgroup.
func (o *oom) count() int64 {
	n, _ := o.s.seat.cgroup.keyed("memory.events", "oom_kill")
	return n
}
