// SPDX-License-Identifier: LGPL-3.0-or-later

package cron

import (
	"time"

	"goflux/internal/core/cron"
	"goflux/internal/rpc"
)

// describe is an entry on the wire.
func describe(e *cron.Entry) rpc.CronEntry {
	out := rpc.CronEntry{
		ID: e.ID, Rank: e.Rank, Name: e.Name, Command: e.Command,
		Repeat: e.Repeat, Stopped: e.Stopped, Stats: stats(e.Stats), Tasks: []rpc.CronTask{},
	}
	out.Type, out.TypeData = typeData(e)
	if e.Timeout > 0 {
		limit := e.Timeout.Seconds()
		out.Timeout = &limit
	}
	if e.Task != nil {
		out.Tasks = append(out.Tasks, describeTask(e, e.Task))
	}
	for _, t := range e.Past {
		out.Tasks = append(out.Tasks, describeTask(e, t))
	}
	return out
}

func stats(s cron.Stats) rpc.CronStats {
	return rpc.CronStats{
		Created: unix(s.Created), Started: unix(s.Started), LastRun: unix(s.LastRun),
		Count: s.Count, FailCount: s.FailCount, Total: s.Total,
		Success: s.Success, Failure: s.Failure, Deferred: s.Deferred,
	}
}

func typeData(e *cron.Entry) (string, map[string]any) {
	switch t := e.Trigger.(type) {
	case cron.Interval:
		return "interval", map[string]any{
			"interval": t.Every.Seconds(), "after": t.After.Seconds(), "next_wakeup": unix(e.Wake),
		}
	case cron.Event:
		return "event", map[string]any{
			"topic": t.Topic, "nth": t.Nth, "after": t.After,
			"counter": e.Counter, "min_interval": t.MinInterval.Seconds(),
		}
	case cron.Date:
		data := map[string]any{"next_wakeup": unix(e.Wake)}
		for u := range cron.Units {
			data[u.String()] = t.Calendar.Field(u)
		}
		return "datetime", data
	}
	return "", nil
}

func describeTask(e *cron.Entry, t *cron.Task) rpc.CronTask {
	out := rpc.CronTask{
		Rank: e.Rank, Pid: t.Pid, Status: int(t.Status), State: stateOf(t),
		Created: unix(t.Created), Errno: int(t.Errno), TimedOut: t.TimedOut,
		Started: unix(t.Launched), Ran: unix(t.Ran), Ended: unix(t.Done),
	}
	if t.Over() {
		code := t.Status.ExitStatus()
		if t.Status.Signaled() {
			code = 128 + int(t.Status.Signal())
		}
		out.Code = &code
	}
	return out
}

func stateOf(t *cron.Task) string {
	switch {
	case t.State == cron.Failed:
		return "Rexec Failure"
	case t.State == cron.Deferred:
		return "Deferred"
	case t.State != cron.Ended:
		return "Running"
	case t.TimedOut:
		return "Timeout"
	case t.Status != 0:
		return "Failed"
	}
	return "Exited"
}

// unix is a time in seconds since the epoch, 0 for none.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixNano()) / float64(time.Second)
}
