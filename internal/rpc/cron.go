// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

import "github.com/go-json-experiment/json/jsontext"

// CronCreate is cron.create (flux-cron(1)), answered by the new [CronEntry].
// Args are of [CronInterval], [CronEvent] or [CronDate], by Type.
type CronCreate struct {
	Type    string            `json:"type"` // interval, event or datetime
	Name    string            `json:"name"`
	Command string            `json:"command"` // for the shell
	Args    jsontext.Value    `json:"args"`
	Environ map[string]string `json:"environ,omitempty"` // none: the broker's
	Cwd     string            `json:"cwd,omitempty"`     // "": the broker's
	Repeat  int               `json:"repeat,omitzero"`   // 0: no limit
	Rank    uint32            `json:"rank,omitzero"`
	// History is how many ended tasks are kept (1), StopOnFailure how many
	// failures stop the entry (0: none do), Timeout how many seconds a task
	// may take.
	History       *int     `json:"task-history-count,omitzero"`
	StopOnFailure int      `json:"stop-on-failure,omitzero"`
	Timeout       *float64 `json:"timeout,omitzero"`
}

// CronInterval are the arguments of interval entries, in seconds. Without After
// the first task runs after Interval.
type CronInterval struct {
	Interval *float64 `json:"interval"`
	After    *float64 `json:"after,omitzero"`
}

// CronEvent are the arguments of event entries; MinInterval is in seconds.
type CronEvent struct {
	Topic       string  `json:"topic"`
	Nth         int     `json:"nth,omitzero"`
	After       int     `json:"after,omitzero"`
	MinInterval float64 `json:"min_interval,omitzero"`
}

// CronDate are the arguments of datetime entries: by unit of time (second,
// minute, hour, mday, month from 0, year since 1900, weekday) a number or a
// list of ranges; all values of those that are not given.
type CronDate map[string]any

// CronID is cron.start, cron.stop and, with Kill, cron.delete.
type CronID struct {
	ID   *int64 `json:"id"`
	Kill bool   `json:"kill,omitzero"`
}

// CronList answers cron.list.
type CronList struct {
	Entries []CronEntry `json:"entries"`
}

// CronEntry is an entry as it stands. TypeData are its arguments and how far it
// is: next_wakeup, in seconds since the epoch (0 for a clock that stands
// still), or counter.
type CronEntry struct {
	ID       int64          `json:"id"`
	Rank     uint32         `json:"rank"`
	Name     string         `json:"name"`
	Command  string         `json:"command"`
	Repeat   int            `json:"repeat"`
	Stopped  bool           `json:"stopped"`
	Type     string         `json:"type"`
	Timeout  *float64       `json:"timeout,omitzero"`
	Stats    CronStats      `json:"stats"`
	TypeData map[string]any `json:"typedata"`
	Tasks    []CronTask     `json:"tasks"` // the last one first
}

// CronStats are an entry's counts; times are seconds since the epoch, 0 for
// never.
type CronStats struct {
	Created   float64 `json:"ctime"`
	Started   float64 `json:"starttime"`
	LastRun   float64 `json:"lastrun"`
	Count     int     `json:"count"`     // of tasks since the last start
	FailCount int     `json:"failcount"` // of failures since the last start
	Total     int     `json:"total"`
	Success   int     `json:"success"`
	Failure   int     `json:"failure"`
	Deferred  int     `json:"deferred"`
}

// CronTask is a run of an entry's command. State is Deferred, Running, Exited,
// Failed, Timeout or Rexec Failure; Code is what a shell would make of Status.
type CronTask struct {
	Rank     uint32  `json:"rank"`
	Pid      int     `json:"pid"`
	Status   int     `json:"status"`
	State    string  `json:"state"`
	Created  float64 `json:"create-time"`
	Errno    int     `json:"rexec_errno,omitzero"`
	TimedOut bool    `json:"timedout,omitzero"`
	Code     *int    `json:"code,omitzero"`
	Started  float64 `json:"start-time,omitzero"`
	Ran      float64 `json:"running-time,omitzero"`
	Ended    float64 `json:"end-time,omitzero"`
}

// CronSync is cron.sync: tasks are to wait for an event of Topic, or, with
// Disable, for none; Epsilon is for how many seconds after one they still run.
type CronSync struct {
	Topic   string   `json:"topic,omitempty"`
	Disable bool     `json:"disable,omitzero"`
	Epsilon *float64 `json:"sync_epsilon,omitzero"`
}

// CronSyncState answers cron.sync.
type CronSyncState struct {
	Event    string  `json:"sync_event,omitempty"`
	Epsilon  float64 `json:"sync_epsilon,omitzero"`
	Disabled bool    `json:"sync_disabled,omitzero"`
}
