// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"goflux/internal/message"
)

// oom tells the kernel how readily to kill the tasks when memory runs out (the
// option oom.adjust), and tells the user when it has killed any: the memory
// controller of the job's cgroup counts.
type oom struct {
	s      *Shell
	adjust *int
	cgroup string // directory, "" when its memory is not controlled
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
	o.cgroup = ownCgroup()
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
	if b, err := os.ReadFile(o.cgroup + "/memory.peak"); err == nil {
		if peak, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil {
			o.s.log.errorf("oom", "memory.peak = %s", sizeText(peak))
		}
	}
	o.kills = n
}

// count is the number of processes that the kernel has killed in the cgroup.
func (o *oom) count() int64 {
	if o.cgroup == "" {
		return 0
	}
	b, _ := os.ReadFile(o.cgroup + "/memory.events")
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			return n
		}
	}
	return 0
}

// ownCgroup is the directory of this process's cgroup (version 2), if the root
// does not stand for all.
func ownCgroup() string {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok && path != "/" {
			return "/sys/fs/cgroup" + path
		}
	}
	return ""
}
