// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import "goflux/jobspec"

// Facts are what the jobspec says that is asked for again and again.
type Facts struct {
	Name, CWD, Queue, Project, Bank string
	Duration                        float64 // seconds
	Counts                          jobspec.Counts
	Plan                            jobspec.TaskPlan
	// Counted is false for a jobspec, not validated, whose counts make no sense.
	Counted bool
}

// Facts returns the facts of the job's jobspec as it is now.
func (j *Job) Facts() *Facts {
	if j.facts == nil || j.factsOf != j.Jobspec {
		j.facts, j.factsOf = newFacts(j.Jobspec), j.Jobspec
	}
	return j.facts
}

func newFacts(s *jobspec.Jobspec) *Facts {
	if s == nil {
		return &Facts{}
	}
	f := &Facts{
		Name: s.JobName(), CWD: s.CWD(), Queue: s.Queue(), Project: s.Project(), Bank: s.Bank(), Duration: s.Duration(),
	}
	var err error
	if f.Counts, err = s.Counts(); err != nil {
		return f
	}
	f.Plan, err = s.TaskPlan(f.Counts)
	f.Counted = err == nil
	return f
}
