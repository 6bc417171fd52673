// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"slices"

	"goflux/internal/core/job"
	"goflux/rset"
)

// attrs are the attributes that job-list knows (RFC 43).
var attrs = []string{
	"userid", "urgency", "priority", "t_submit", "t_depend", "t_priority", "t_sched", "t_run", "t_cleanup",
	"t_inactive", "state", "name", "cwd", "queue", "project", "bank", "ntasks", "ncores", "duration", "nnodes",
	"ranks", "nodelist", "success", "exception_occurred", "exception_type", "exception_severity",
	"exception_note", "result", "expiration", "annotations", "waitstatus", "dependencies",
}

var isAttr = func() map[string]bool {
	m := map[string]bool{"id": true, "all": true}
	for _, a := range attrs {
		m[a] = true
	}
	return m
}()

// listing returns all attributes of a job that have a value.
func listing(j *job.Job) map[string]any {
	o := map[string]any{
		"id": uint64(j.ID), "userid": j.UserID, "urgency": j.Urgency, "state": int(j.State), "t_submit": j.TSubmit,
	}
	if j.Priority >= 0 {
		o["priority"] = j.Priority
	}
	for name, t := range map[string]float64{
		"t_depend": j.TDepend, "t_priority": j.TPriority, "t_sched": j.TSched, "t_run": j.TRun,
		"t_cleanup": j.TCleanup, "t_inactive": j.TInactive,
	} {
		if t != 0 {
			o[name] = t
		}
	}
	requested(o, j)
	assigned(o, j)
	ended(o, j)
	if len(j.Annotations) > 0 {
		o["annotations"] = j.Annotations
	}
	if len(j.Dependencies) > 0 {
		o["dependencies"] = slices.Clone(j.Dependencies)
	}
	return o
}

// requested adds what the jobspec says.
func requested(o map[string]any, j *job.Job) {
	f := j.Facts()
	o["name"], o["duration"] = f.Name, f.Duration
	for name, v := range map[string]string{"cwd": f.CWD, "queue": f.Queue, "project": f.Project, "bank": f.Bank} {
		if v != "" {
			o[name] = v
		}
	}
	if !f.Counted {
		return
	}
	nodes, cores := f.Counts.Nodes.Min(), f.Counts.TotalCores()
	if nodes > 0 {
		o["nnodes"] = nodes
	}
	if cores > 0 && !f.Counts.NodeExclusive {
		o["ncores"] = cores
	}
	if n := f.Plan.Tasks(nodes, cores); n > 0 {
		o["ntasks"] = n
	}
}

// assigned adds what was allocated.
func assigned(o map[string]any, j *job.Job) {
	if j.R == nil {
		return
	}
	r, err := rset.Parse(j.R)
	if err != nil {
		return
	}
	o["ranks"] = r.Ranks().Brackets()
	o["nodelist"] = r.Nodelist().String()
	o["nnodes"] = r.NNodes()
	o["ncores"] = r.NCores()
	expiration := r.Expiration
	if j.Expiration != nil {
		expiration = *j.Expiration
	}
	o["expiration"] = expiration
	if f := j.Facts(); f.Counted {
		o["ntasks"] = f.Plan.Tasks(int64(r.NNodes()), r.NCores())
	}
}

// ended adds how the job went.
func ended(o map[string]any, j *job.Job) {
	x := j.Exception
	if x == nil {
		x = j.LastException
	}
	if x != nil && (j.Exception != nil || j.State == job.Inactive) {
		o["exception_occurred"] = true
		o["exception_type"], o["exception_severity"], o["exception_note"] = x.Type, x.Severity, x.Note
	} else if j.State == job.Inactive {
		o["exception_occurred"] = false
	}
	if j.Finished {
		o["waitstatus"] = j.WaitStatus
	}
	if j.State == job.Inactive {
		o["success"] = j.Success()
		o["result"] = int(j.Result())
	}
}

// pick returns the attributes asked for, and the id.
func pick(all map[string]any, names []string) map[string]any {
	out := make(map[string]any, len(names)+1)
	out["id"] = all["id"]
	for _, n := range names {
		if n == "all" {
			return all
		}
		if v, ok := all[n]; ok {
			out[n] = v
		}
	}
	return out
}
