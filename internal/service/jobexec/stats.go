// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"strings"

	"goflux/internal/sys/locale"
)

// Stats implements service.Statser.
func (e *exec) Stats() any {
	jobs := map[string]any{}
	for id, j := range e.jobs {
		jobs[locale.JobID(id)] = e.jobStats(j)
	}
	c := &e.conf
	most := -1.0
	if c.maxKillTimeout > 0 {
		most = c.maxKillTimeout.Seconds()
	}
	return map[string]any{
		"method": c.method, "jobs": jobs, "config": c.stats(),
		"kill-timeout": c.killTimeout.Seconds(), "max-kill-count": c.maxKillCount,
		"max-kill-timeout": most, "effective-max-kill-timeout": c.patience().Seconds(),
		"term-signal": signalName(c.termSignal), "kill-signal": signalName(c.killSignal),
	}
}

func (e *exec) jobStats(j *job) map[string]any {
	out := map[string]any{
		"implementation": e.implementation(j), "ns": j.id.Namespace(), "has_namespace": flag(j.guest),
		"critical_ranks": strings.Trim(j.critical.String(), " "),
		"started":        flag(j.started), "running": flag(j.started && !j.over), "exception_in_progress": flag(j.fatal),
		"finalizing": flag(j.over), "expiration": j.until,
		"kill_timeout": e.conf.killTimeout.Seconds(), "kill_count": 0, "kill_shell_count": 0,
		"total_shells": len(j.shells), "active_shells": j.running, "active_ranks": j.activeRanks(nil).String(),
	}
	if k := j.killer; k != nil {
		out["kill_timeout"], out["kill_count"], out["kill_shell_count"] = k.pause.Seconds(), k.tasks, k.count
	}
	return out
}

// flag is a truth value as the statistics have them.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (e *exec) implementation(j *job) string {
	if j.mock != nil {
		return "testexec"
	}
	return e.conf.method
}
