// SPDX-License-Identifier: LGPL-3.0-or-later

package jobinfo

import (
	"fmt"
	"strings"

	"goflux/rset"
)

// Stats answers job-list.job-stats, also for one queue.
type Stats struct {
	Name   string `json:"name"`
	States struct {
		Depend   int `json:"depend"`
		Priority int `json:"priority"`
		Sched    int `json:"sched"`
		Run      int `json:"run"`
		Cleanup  int `json:"cleanup"`
		Inactive int `json:"inactive"`
		Total    int `json:"total"`
	} `json:"job_states"`
	Successful int     `json:"successful"`
	Failed     int     `json:"failed"`
	Canceled   int     `json:"canceled"`
	Timeout    int     `json:"timeout"`
	Purged     int     `json:"inactive_purged"`
	Queues     []Stats `json:"queues"`
}

// Pending counts the jobs that wait.
func (s *Stats) Pending() int { return s.States.Depend + s.States.Priority + s.States.Sched }

// Running counts the jobs that run or are being cleaned up.
func (s *Stats) Running() int { return s.States.Run + s.States.Cleanup }

// Active counts the jobs that have not ended.
func (s *Stats) Active() int { return s.States.Total - s.States.Inactive }

// Unsuccessful counts the jobs that failed, were canceled or timed out.
func (s *Stats) Unsuccessful() int { return s.Failed + s.Canceled + s.Timeout }

// Add adds the numbers of another queue.
func (s *Stats) Add(o *Stats) {
	s.States.Depend += o.States.Depend
	s.States.Priority += o.States.Priority
	s.States.Sched += o.States.Sched
	s.States.Run += o.States.Run
	s.States.Cleanup += o.States.Cleanup
	s.States.Inactive += o.States.Inactive
	s.States.Total += o.States.Total
	s.Successful += o.Successful
	s.Failed += o.Failed
	s.Canceled += o.Canceled
	s.Timeout += o.Timeout
	s.Purged += o.Purged
}

// String is the short form.
func (s *Stats) String() string {
	return fmt.Sprintf("PD:%d R:%d CD:%d F:%d", s.Pending(), s.Running(), s.Successful, s.Unsuccessful())
}

// Instance is what is known about the instance that a job is.
type Instance struct {
	Stats *Stats
	// Resources by state: all, up, down, allocated, free.
	Resources map[string]*rset.R
}

// instanceHeading is the heading of a field below instance.
func instanceHeading(name string) string {
	switch name {
	case "stats.total":
		return "NJOBS"
	case "utilization":
		return "CORE%"
	case "gpu_utilization":
		return "GPU%"
	case "progress":
		return "PROG"
	}
	rest, ok := strings.CutPrefix(name, "resources.")
	if !ok {
		return strings.ToUpper(name)
	}
	state, kind, _ := strings.Cut(rest, ".")
	headings := map[string]string{"up": "UP", "down": "DOWN", "allocated": "USED", "free": "FREE"}
	if state == "all" {
		headings = map[string]string{"all": strings.ToUpper(strings.TrimPrefix(kind, "n"))}
	}
	if h, ok := headings[state]; ok && (kind == "ncores" || kind == "ngpus" || kind == "nnodes") {
		return h
	}
	return strings.ToUpper(rest)
}

// Field is the value of a field below instance, nil if it is not known.
func (in *Instance) Field(name string) any {
	if in == nil {
		return nil
	}
	switch name {
	case "stats":
		return in.Stats.String()
	case "stats.total":
		return int64(in.Stats.States.Total)
	case "progress":
		if in.Stats.States.Total == 0 {
			return nil
		}
		return float64(in.Stats.States.Inactive) / float64(in.Stats.States.Total)
	case "utilization":
		return in.fraction((*rset.R).NCores)
	case "gpu_utilization":
		return in.fraction((*rset.R).NGPUs)
	}
	if rest, ok := strings.CutPrefix(name, "stats."); ok {
		return in.Stats.field(rest)
	}
	rest, _ := strings.CutPrefix(name, "resources.")
	state, kind, _ := strings.Cut(rest, ".")
	r := in.Resources[state]
	switch {
	case r == nil:
	case kind == "ncores":
		return r.NCores()
	case kind == "ngpus":
		return r.NGPUs()
	case kind == "nnodes":
		return int64(r.NNodes())
	case kind == "nodelist":
		return r.Nodelist().String()
	}
	return nil
}

// field is one number.
func (s *Stats) field(name string) any {
	n, ok := map[string]int{
		"depend": s.States.Depend, "priority": s.States.Priority, "sched": s.States.Sched,
		"run": s.States.Run, "cleanup": s.States.Cleanup, "inactive": s.States.Inactive,
		"pending": s.Pending(), "running": s.Running(), "active": s.Active(),
		"successful": s.Successful, "failed": s.Unsuccessful(),
		"canceled": s.Canceled, "timeout": s.Timeout, "inactive_purged": s.Purged,
	}[name]
	if !ok {
		return nil
	}
	return int64(n)
}

// fraction is what part of a resource is allocated.
func (in *Instance) fraction(count func(*rset.R) int64) any {
	all, used := in.Resources["all"], in.Resources["allocated"]
	if all == nil || used == nil || count(all) == 0 {
		return nil
	}
	return float64(count(used)) / float64(count(all))
}

// Complete works out the states that follow from those that an instance
// answers: up and free.
func (in *Instance) Complete() {
	all := in.Resources["all"]
	if all == nil {
		return
	}
	up := all
	if down := in.Resources["down"]; down != nil {
		up = up.Subtract(down)
	}
	in.Resources["up"] = up
	if used := in.Resources["allocated"]; used != nil {
		up = up.Subtract(used)
	}
	in.Resources["free"] = up
}
