// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import "slices"

// The site's prolog and epilog are actions of RFC 21 under these descriptions.
const (
	sitePrologName = "job-manager.prolog"
	siteEpilogName = "job-manager.epilog"
)

// Site says what a site runs around its jobs (flux-config-job-manager(5)).
type Site struct {
	Prolog, Epilog bool
	// Housekeeping: the resources of jobs that end go to housekeeping, not to
	// the scheduler.
	Housekeeping bool
	// AllocCheck: no two jobs may hold the same resources.
	AllocCheck bool
}

// SetSite says what is run around jobs from now on.
func (m *Machine) SetSite(s Site) { m.site = s }

// runPerilog begins what is due at an event of a job.
func (m *Machine) runPerilog(now float64, j *Job, event string) {
	if event == "alloc" && m.site.AllocCheck {
		m.checkAlloc(now, j)
	}
	switch {
	case event == "alloc" && m.site.Prolog && j.State == Run:
		m.post(now, j, "prolog-start", descriptionContext{Description: sitePrologName})
		m.emit(RunProlog{j})
	case event == "finish" && m.site.Epilog && !j.epilogued:
		m.startEpilog(now, j)
	case event == "exception" && j.perilogUnderWay() && j.LastException.Severity == 0:
		m.emit(StopPerilog{j})
	}
}

func (m *Machine) startEpilog(now float64, j *Job) {
	m.post(now, j, "epilog-start", descriptionContext{Description: siteEpilogName})
	m.emit(RunEpilog{j})
}

// owesEpilog reports whether a job that ends had a prolog whose epilog is still
// to come: it did not get as far as to finish.
func (m *Machine) owesEpilog(j *Job) bool { return m.site.Epilog && j.prologued && !j.epilogued }

// perilogUnderWay reports whether the site's prolog or epilog runs for the job.
func (j *Job) perilogUnderWay() bool { return j.inProlog() || j.inEpilog() }
func (j *Job) inProlog() bool        { return slices.Contains(j.Prologs, sitePrologName) }
func (j *Job) inEpilog() bool        { return slices.Contains(j.Epilogs, siteEpilogName) }

// PrologEnded says how the site's prolog has ended. A failure, if there is one,
// ends the job.
func (m *Machine) PrologEnded(now float64, j *Job, status int, failure string) {
	if !j.inProlog() {
		return
	}
	if failure != "" {
		m.post(now, j, "exception", Exception{Type: "prolog", Severity: 0, Note: failure})
	}
	m.post(now, j, "prolog-finish", descriptionContext{sitePrologName, &status})
	m.advance(now, j)
}

// EpilogEnded says how the site's epilog has ended. A failure does not change
// how the job has ended.
func (m *Machine) EpilogEnded(now float64, j *Job, status int, failure string) {
	if !j.inEpilog() {
		return
	}
	if failure != "" {
		m.post(now, j, "exception", Exception{Type: "epilog", Severity: 2, Note: failure})
	}
	m.post(now, j, "epilog-finish", descriptionContext{siteEpilogName, &status})
	m.advance(now, j)
}

// resumePerilog runs again what an earlier run of the instance did not see the
// end of; without a command any more it has failed.
func (m *Machine) resumePerilog(now float64, j *Job) {
	const gone = " was interrupted by a restart and is no longer configured"
	switch {
	case j.inProlog() && m.site.Prolog:
		m.emit(RunProlog{j})
	case j.inProlog():
		m.PrologEnded(now, j, 1<<8, "prolog"+gone)
	}
	switch {
	case j.inEpilog() && m.site.Epilog:
		m.emit(RunEpilog{j})
	case j.inEpilog():
		m.EpilogEnded(now, j, 1<<8, "epilog"+gone)
	}
}
