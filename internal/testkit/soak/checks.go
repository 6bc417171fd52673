// SPDX-License-Identifier: LGPL-3.0-or-later

package soak

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"goflux/eventlog"
	"goflux/idset"
	"goflux/rset"
)

// clientView is what clients were told of a job.
type clientView struct {
	acked     bool
	id        string
	cancel    bool // was asked for
	canceled  bool // was acknowledged
	looks     []string
	submitted bool
}

func views(ops []Op) map[string]*clientView {
	all := map[string]*clientView{}
	for _, o := range ops {
		c := all[o.Key]
		if c == nil {
			c = &clientView{}
		}
		switch o.Kind {
		case opSubmit:
			c.submitted = true
			c.acked, c.id = o.Err == "", o.Value
		case opCancel:
			c.cancel = true
			c.canceled = c.canceled || o.Err == ""
		case opLook:
			if o.Err == "" {
				c.looks = append(c.looks, o.Value)
			}
		default:
			continue
		}
		all[o.Key] = c
	}
	return all
}

// checkJobs holds jobs against what clients were told and what tasks noted.
func checkJobs(h *history, end map[string][]finalJob, notes map[string]map[int]*taskNotes) []Problem {
	var problems []Problem
	tell := func(kind, name, format string, args ...any) {
		problems = append(problems, Problem{kind, name, fmt.Sprintf(format, args...)})
	}
	told := views(h.ops)
	for _, name := range slices.Sorted(maps.Keys(told)) {
		c := told[name]
		if c.acked && len(end[name]) == 0 {
			tell(lost, name, "job %s was acknowledged and is not there", c.id)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(end)) {
		c, plan := told[name], h.jobs[name]
		if c == nil || plan == nil {
			tell(untrue, name, "nobody submitted this job")
			continue
		}
		if n := len(end[name]); n > 1 {
			tell(twice, name, "submitted once, there %d times", n)
		}
		checkJob(plan, c, end[name][0], notes[name], func(kind, format string, args ...any) { tell(kind, name, format, args...) })
	}
	return problems
}

func checkJob(plan *plannedJob, c *clientView, j finalJob, notes map[int]*taskNotes, tell func(kind, format string, args ...any)) {
	if c.acked && j.id.Dec() != c.id {
		tell(untrue, "acknowledged as job %s, there as %s", c.id, j.id.Dec())
	}
	for _, look := range c.looks {
		if !strings.HasPrefix(j.eventlog, look) {
			tell(lost, "its event log was shown as\n%snow it is\n%s", look, j.eventlog)
			break
		}
	}
	w, err := legalWalk(j.eventlog)
	if err != nil {
		tell(illegal, "%v\n%s", err, j.eventlog)
		return
	}
	if w.state != stInactive || j.state != strconv.Itoa(inactiveState) {
		tell(unended, "it is in state %s\n%s", w.state, j.eventlog)
		return
	}
	if c.canceled && !w.canceled {
		tell(lost, "its cancellation was acknowledged and is not there\n%s", j.eventlog)
	}
	for rank, t := range notes {
		if t.starts > 1 {
			tell(twice, "task %d began %d times", rank, t.starts)
		}
	}
	if !w.start && len(notes) > 0 {
		tell(untrue, "its tasks began, but it did not\n%s", j.eventlog)
	}
	switch {
	case w.canceled && !c.cancel:
		tell(disturbed, "it was canceled, which nobody asked for\n%s", j.eventlog)
	case w.excepted && !c.cancel:
		tell(disturbed, "%s\n%s", w.note, j.eventlog)
	case w.canceled || w.excepted: // somebody wanted it to end
	default:
		checkEnd(plan, w, j, notes, tell)
	}
}

// checkEnd holds the end of a job that nobody hindered against what its tasks did.
func checkEnd(plan *plannedJob, w *walk, j finalJob, notes map[int]*taskNotes, tell func(kind, format string, args ...any)) {
	ntasks := plan.Nodes * plan.Tasks
	for rank := range ntasks {
		if t := notes[rank]; t == nil || t.starts != 1 || t.ends != 1 {
			tell(disturbed, "task %d: %+v\n%s", rank, t, j.eventlog)
			return
		}
	}
	if len(notes) != ntasks {
		tell(untrue, "%d tasks ran, %d were asked for", len(notes), ntasks)
	}
	if want := plan.Exit << 8; w.status != want {
		tell(untrue, "its status is told as %d, but is %d\n%s", w.status, want, j.eventlog)
	}
	out, err := outputByTask(j.output)
	if err != nil {
		tell(untrue, "its output: %v\n%s", err, j.output)
		return
	}
	for rank := range ntasks {
		if got, want := out[rank], plan.output(); got != want {
			tell(untrue, "task %d printed %q, what is kept is %q\n%s", rank, want, got, j.eventlog)
			return
		}
	}
}

// outputByTask puts together what each task printed (RFC 24).
func outputByTask(text string) (map[int]string, error) {
	entries, err := eventlog.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	out := map[int]string{}
	for _, e := range entries {
		if e.Name != "data" {
			continue
		}
		var ctx struct{ Stream, Rank, Data string }
		if err := json.Unmarshal(e.Context, &ctx); err != nil {
			return nil, err
		}
		ranks, err := idset.Parse(ctx.Rank)
		if err != nil {
			return nil, err
		}
		for rank := range ranks.All() {
			out[int(rank)] += ctx.Data
		}
	}
	return out, nil
}

// checkCores looks for cores that two jobs had at a time.
func checkCores(end map[string][]finalJob) []Problem {
	type hold struct {
		from, to float64
		name     string
	}
	type core struct{ rank, id uint32 }
	holds := map[core][]hold{}
	for name, list := range end {
		for _, j := range list {
			w, err := legalWalk(j.eventlog)
			if err != nil || !w.alloc || !w.free {
				continue // told elsewhere
			}
			r, err := rset.Parse([]byte(j.r))
			if err != nil {
				return []Problem{{untrue, name, "its R: " + err.Error()}}
			}
			for rank := range r.Ranks().All() {
				for id := range r.CoresOn(rank).All() {
					holds[core{rank, id}] = append(holds[core{rank, id}], hold{w.allocTime, w.freeTime, name})
				}
			}
		}
	}
	var problems []Problem
	for c, list := range holds {
		slices.SortFunc(list, func(a, b hold) int { return cmp.Compare(a.from, b.from) })
		for i := range list[1:] {
			if a, b := list[i], list[i+1]; b.from < a.to {
				problems = append(problems, Problem{twice, b.name, fmt.Sprintf("core %d of rank %d was still %s's", c.id, c.rank, a.name)})
			}
		}
	}
	return problems
}
