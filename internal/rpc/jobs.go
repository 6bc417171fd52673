// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

import (
	"github.com/go-json-experiment/json/jsontext"

	"goflux/jobid"
	"goflux/jobspec"
)

// JobSubmit is job-ingest.submit: J is the signed jobspec (RFC 15), flags are
// 1 signed, 2 debug, 4 waitable, 8 novalidate.
type JobSubmit struct {
	J       string `json:"J"`
	Urgency int    `json:"urgency"`
	Flags   int    `json:"flags"`
}

// JobID is the payload of requests and answers that name a job.
type JobID struct {
	ID jobid.ID `json:"id"`
}

// JobRaise is job-manager.raise.
type JobRaise struct {
	ID       jobid.ID `json:"id"`
	Type     string   `json:"type"`
	Severity int      `json:"severity"`
	Note     string   `json:"note,omitzero"`
	// WaitStatus is that of the task whose exit is the cause.
	WaitStatus *int `json:"wait_status,omitempty"`
}

// JobRaiseAll is job-manager.raiseall: on the jobs of userid (4294967295: of
// all) in the states of the mask.
type JobRaiseAll struct {
	DryRun   bool   `json:"dry_run"`
	UserID   uint32 `json:"userid"`
	States   int    `json:"states"`
	Severity int    `json:"severity"`
	Type     string `json:"type"`
	Note     string `json:"note,omitzero"`
}

// JobKill is job-manager.kill.
type JobKill struct {
	ID     jobid.ID `json:"id"`
	Signum int      `json:"signum"`
}

// JobKillAll is job-manager.killall.
type JobKillAll struct {
	DryRun bool   `json:"dry_run"`
	UserID uint32 `json:"userid"`
	Signum int    `json:"signum"`
}

// JobsAffected answers raiseall and killall.
type JobsAffected struct {
	Count  int `json:"count"`
	Errors int `json:"errors"`
}

// JobUrgency is job-manager.urgency.
type JobUrgency struct {
	ID      jobid.ID `json:"id"`
	Urgency int      `json:"urgency"`
}

// JobOldUrgency answers it.
type JobOldUrgency struct {
	Old int `json:"old_urgency"`
}

// JobMemo is job-manager.memo; a volatile memo is an annotation that is not logged.
type JobMemo struct {
	ID       jobid.ID       `json:"id"`
	Volatile bool           `json:"volatile,omitzero"`
	Memo     map[string]any `json:"memo"`
}

// JobUpdate is job-manager.update: paths below the jobspec and their new values.
type JobUpdate struct {
	ID      jobid.ID                  `json:"id"`
	Updates map[string]jsontext.Value `json:"updates"`
}

// JobWait is job-manager.wait; JobIDAny waits for any job.
type JobWait struct {
	ID jobid.ID `json:"id"`
}

// JobIDAny stands for any job.
const JobIDAny jobid.ID = 0xFFFFFFFFFFFFFFFF

// JobWaited answers job-manager.wait.
type JobWaited struct {
	ID      jobid.ID `json:"id"`
	Success bool     `json:"success"`
	Errstr  string   `json:"errstr"`
}

// JobPurge is job-manager.purge: age in seconds, -1 for no limit by it.
type JobPurge struct {
	AgeLimit float64 `json:"age_limit"`
	NumLimit int     `json:"num_limit"`
	Batch    int     `json:"batch"`
	Force    bool    `json:"force"`
}

// JobPurgeID is job-manager.purge-id. Force is 0 or 1: on the wire this one is
// a number.
type JobPurgeID struct {
	ID    jobid.ID `json:"id"`
	Force int      `json:"force"`
}

// Count answers requests that tell how many.
type Count struct {
	Count int `json:"count"`
}

// JobGetAttr is job-manager.getattr.
type JobGetAttr struct {
	ID    jobid.ID `json:"id"`
	Attrs []string `json:"attrs"`
}

// JobManagerList is job-manager.list: the active jobs in short.
type JobManagerList struct {
	MaxEntries int `json:"max_entries"`
}

// JobsJournal is job-manager.events-journal: with Full the history comes first.
// Allow and Deny are objects whose keys are names of events.
type JobsJournal struct {
	Full  bool           `json:"full,omitzero"`
	Allow jsontext.Value `json:"allow,omitempty"`
	Deny  jsontext.Value `json:"deny,omitempty"`
}

// JobEvents is an answer of events-journal.
type JobEvents struct {
	ID      jobid.ID         `json:"id"`
	Events  []jsontext.Value `json:"events"`
	Jobspec jsontext.Value   `json:"jobspec,omitempty"`
	R       jsontext.Value   `json:"R,omitempty"`
}

// JobEventsSentinel marks in events-journal the end of the history.
const JobEventsSentinel = JobIDAny

// QueueName is a request about one queue, or the anonymous one.
type QueueName struct {
	Name string `json:"name,omitzero"`
}

// QueueEnable is job-manager.queue-enable.
type QueueEnable struct {
	Name   string `json:"name,omitzero"`
	All    bool   `json:"all"`
	Enable bool   `json:"enable"`
	Reason string `json:"reason,omitzero"`
}

// QueueStart is job-manager.queue-start.
type QueueStart struct {
	Name         string `json:"name,omitzero"`
	All          bool   `json:"all"`
	Start        bool   `json:"start"`
	NoCheckpoint bool   `json:"nocheckpoint"`
	Reason       string `json:"reason,omitzero"`
}

// QueueStatus answers job-manager.queue-status. Start is false, too, when the
// queue is started but blocked, by "scheduler" or "parent" (RFC 33).
type QueueStatus struct {
	Enable        bool   `json:"enable"`
	DisableReason string `json:"disable_reason,omitzero"`
	Start         bool   `json:"start"`
	StopReason    string `json:"stop_reason,omitzero"`
	Parent        string `json:"parent,omitzero"`
	Blocked       string `json:"blocked,omitzero"` // what keeps a started queue stopped: scheduler, parent
}

// QueueList answers job-manager.queue-list.
type QueueList struct {
	Queues []string `json:"queues"`
}

// JobsSync is job-manager.sync, which is answered when all that was decided
// before it is durable. MayWait says that there is no hurry.
type JobsSync struct {
	MayWait bool `json:"may_wait,omitzero"`
}

// Pending answers job-manager.idle.
type Pending struct {
	Pending int `json:"pending"`
}

// AllocQuery answers job-manager.alloc-query.
type AllocQuery struct {
	QueueLength  int `json:"queue_length"`
	AllocPending int `json:"alloc_pending"`
	Running      int `json:"running"`
}

// SchedHello is job-manager.sched-hello (RFC 27).
type SchedHello struct {
	PartialOK bool `json:"partial-ok,omitzero"`
}

// SchedHelloJob is one of its answers: a job that has resources.
type SchedHelloJob struct {
	ID       jobid.ID       `json:"id"`
	Priority int64          `json:"priority"`
	UserID   uint32         `json:"userid"`
	TSubmit  float64        `json:"t_submit"`
	R        jsontext.Value `json:"R,omitempty"`
	Free     string         `json:"free,omitzero"`
}

// SchedReady is job-manager.sched-ready (RFC 27).
type SchedReady struct {
	Mode  string `json:"mode"`
	Limit int    `json:"limit,omitzero"`
}

// SchedAlloc is sched.alloc (RFC 27). It is sent without a matchtag.
type SchedAlloc struct {
	ID       jobid.ID         `json:"id"`
	Priority int64            `json:"priority"`
	UserID   uint32           `json:"userid"`
	TSubmit  float64          `json:"t_submit"`
	Jobspec  *jobspec.Jobspec `json:"jobspec"`
}

// Types of SchedAllocResponse (RFC 27).
const (
	AllocSuccess  = 0
	AllocAnnotate = 1
	AllocDeny     = 2
	AllocCancel   = 3
)

// SchedAllocResponse answers sched.alloc; R comes with success.
type SchedAllocResponse struct {
	ID          jobid.ID       `json:"id"`
	Type        int            `json:"type"`
	Note        string         `json:"note,omitzero"`
	Annotations map[string]any `json:"annotations,omitempty"`
	R           jsontext.Value `json:"R,omitempty"`
}

// SchedFree is sched.free (RFC 27). It is not answered.
type SchedFree struct {
	ID    jobid.ID       `json:"id"`
	R     jsontext.Value `json:"R"`
	Final bool           `json:"final,omitzero"`
}

// SchedPrioritize is sched.prioritize (RFC 27): pairs of job id and priority.
type SchedPrioritize struct {
	Jobs [][2]uint64 `json:"jobs"`
}

// SchedExpiration is sched.expiration (RFC 27).
type SchedExpiration struct {
	ID         jobid.ID `json:"id"`
	Expiration float64  `json:"expiration"`
}

// FeasibilityCheck is feasibility.check.
type FeasibilityCheck struct {
	Jobspec *jobspec.Jobspec `json:"jobspec"`
}

// ExecHello is job-manager.exec-hello (RFC 32).
type ExecHello struct {
	Service string `json:"service"`
}

// ExecStart is SERVICE.start (RFC 32). It is sent without a matchtag and
// answered by ExecResponses. Attempt and Term let a node refuse what an
// earlier attempt or leader asked for. Ending is the exception of severity zero
// that the job has, of which an earlier service may have been told, or not.
// Again says that an earlier service may have begun to start the job; one that is
// to end is then not started, but found as far as it has begun. Critical are
// the ranks that one was told of by CriticalRanks, and Guest is what it had noted
// of the job's guest namespace.
type ExecStart struct {
	ID       jobid.ID         `json:"id"`
	UserID   uint32           `json:"userid"`
	Jobspec  *jobspec.Jobspec `json:"jobspec"`
	R        jsontext.Value   `json:"R"`
	Reattach bool             `json:"reattach"`
	Attempt  int              `json:"attempt,omitzero"`
	J        string           `json:"J,omitzero"`
	Ending   *JobException    `json:"ending,omitempty"`
	Again    bool             `json:"again,omitzero"`
	Critical string           `json:"critical,omitzero"`
	Guest    string           `json:"guest,omitzero"` // a blobref
}

// ExecResponse answers SERVICE.start: type is start, reattached, release,
// exception or finish.
type ExecResponse struct {
	ID   jobid.ID `json:"id"`
	Type string   `json:"type"`
	Data ExecData `json:"data"`
}

// ExecData is the data of all types of ExecResponse.
type ExecData struct {
	Ranks    string `json:"ranks,omitzero"`  // release
	Final    bool   `json:"final,omitzero"`  // release
	Status   int    `json:"status,omitzero"` // finish: a wait status
	Severity int    `json:"severity,omitzero"`
	Type     string `json:"type,omitzero"` // exception
	Note     string `json:"note,omitzero"`
	// WaitStatus is that of the task whose exit caused an exception.
	WaitStatus *int `json:"wait_status,omitempty"`
}

// ExecExpiration is SERVICE.expiration: a new time limit of a running job.
type ExecExpiration struct {
	ID         jobid.ID `json:"id"`
	Expiration float64  `json:"expiration"`
}

// JobException is the event job-exception, which execution services act on.
type JobException struct {
	ID         jobid.ID `json:"id"`
	Type       string   `json:"type"`
	Severity   int      `json:"severity"`
	WaitStatus *int     `json:"wait_status,omitempty"`
}

// ShellKill is the event shell-ID.kill.
type ShellKill struct {
	Signum int `json:"signum"`
}

// JobInfoLookup is job-info.lookup (RFC 41): flags 1 decode, 2 current.
type JobInfoLookup struct {
	ID    jobid.ID `json:"id"`
	Keys  []string `json:"keys"`
	Flags int      `json:"flags"`
}

// JobInfoWatch is job-info.eventlog-watch (RFC 41): flags 1 waitcreate.
type JobInfoWatch struct {
	ID    jobid.ID `json:"id"`
	Path  string   `json:"path"`
	Flags int      `json:"flags"`
}

// JobInfoEvent answers it: one RFC 18 entry with its newline.
type JobInfoEvent struct {
	Event string `json:"event"`
}

// JobInfoUpdate is job-info.update-watch and update-lookup: key is R or jobspec.
type JobInfoUpdate struct {
	ID    jobid.ID `json:"id"`
	Key   string   `json:"key"`
	Flags int      `json:"flags"`
}

// JobStreamAppend is job-info.stream-append: RFC 18 lines that a job's shell or
// the execution service adds to one of the job's streams (exec, output, input …).
// Attempt must be the job's current one. It is answered when the lines are kept.
type JobStreamAppend struct {
	ID      jobid.ID `json:"id"`
	Attempt int      `json:"attempt"`
	Stream  string   `json:"stream"`
	Data    string   `json:"data"`
	// Seq counts the writer's requests for the stream from 1, so that one sent
	// again after a broken connection is not taken twice; 0: not counted.
	Seq uint64 `json:"seq,omitzero"`
	// Writer is the shell rank of a shell: each counts for itself.
	Writer int `json:"writer,omitzero"`
	// Last says that it is from a shell that has ended, which cannot wait until
	// there is room.
	Last bool `json:"last,omitzero"`
}

// JobGuest is job-info.guest: the execution service has made the job's guest
// namespace, or, with Rootref, is about to remove it.
type JobGuest struct {
	ID      jobid.ID `json:"id"`
	Rootref string   `json:"rootref,omitzero"`
}

// JobList is job-list.list (RFC 43).
type JobList struct {
	MaxEntries int            `json:"max_entries"`
	Attrs      any            `json:"attrs"` // names; what else came is told
	Since      float64        `json:"since,omitzero"`
	Constraint jsontext.Value `json:"constraint,omitempty"`

	// What clients asked for before there were constraints, and still do: all
	// that are given must hold. States and results are masks, 0 for any.
	UserID  *int64 `json:"userid,omitempty"`
	States  int    `json:"states,omitzero"`
	Results int    `json:"results,omitzero"`
	Name    string `json:"name,omitzero"`
	Queue   string `json:"queue,omitzero"`
}

// JobListID is job-list.list-id (RFC 43); with State it waits for that state.
type JobListID struct {
	ID    jobid.ID `json:"id"`
	Attrs any      `json:"attrs"` // as in JobList
	State int      `json:"state,omitzero"`
}

// JobListed answers job-list.list-id, JobsListed job-list.list.
type (
	JobListed struct {
		Job map[string]any `json:"job"`
	}
	JobsListed struct {
		Jobs    []map[string]any `json:"jobs"`
		Version int              `json:"version,omitzero"`
	}
)

// Jobtap is job-manager.jobtap: with QueryOnly it is answered by a JobtapList,
// else plugins are removed and one is loaded.
type Jobtap struct {
	QueryOnly bool           `json:"query_only,omitzero"`
	Load      string         `json:"load,omitzero"`
	Remove    string         `json:"remove,omitzero"`
	Conf      map[string]any `json:"conf,omitempty"`
}

// JobtapList answers it: the plugins that are loaded.
type JobtapList struct {
	Plugins []string `json:"plugins"`
}

// JobPostEvent is job-manager.post-event.post: an event for a job's log.
type JobPostEvent struct {
	ID      jobid.ID       `json:"id"`
	Name    string         `json:"name"`
	Context jsontext.Value `json:"context,omitempty"`
}

// JobtapQuery is job-manager.jobtap-query.
type JobtapQuery struct {
	Name string `json:"name"`
}

// HousekeepingKill is job-manager.housekeeping-kill: a signal for the
// housekeeping after a job, or after all, on Ranks (RFC 22) or wherever it runs.
type HousekeepingKill struct {
	Signum int       `json:"signum"`
	ID     *jobid.ID `json:"jobid,omitempty"`
	Ranks  *string   `json:"ranks,omitempty"`
}

// HousekeepingStats is the part of job-manager.stats-get about housekeeping: by
// job id (F58), what it holds.
type HousekeepingStats struct {
	Running map[string]HousekeepingJob `json:"running"`
	Config  struct {
		ReleaseAfter float64 `json:"release-after"` // seconds, -1 for never
		Command      string  `json:"command"`
	} `json:"config"`
}

// HousekeepingJob is the housekeeping after a job: the ranks on which it has not
// ended, and those not freed yet.
type HousekeepingJob struct {
	TStart    float64 `json:"t_start"`
	Pending   string  `json:"pending"`
	Allocated string  `json:"allocated"`
}

// JobCheckpoint is what the job manager has to keep besides jobs, as it stands
// under the KVS key checkpoint.job-manager (flux-core): there it is a view, and
// in archives of flux dump a file.
type JobCheckpoint struct {
	Version  int             `json:"version"`
	MaxJobID jobid.ID        `json:"max_jobid"`
	Queue    []JobQueueState `json:"queue,omitempty"`
}

// JobCheckpointVersion is the version that is written.
const JobCheckpointVersion = 1

// JobQueueState is the state of a queue, the nameless one without a name. Start
// is whether it is to be started after a restart; without it, older instances
// than there were queues that could be stopped wrote it. Reason is what they
// called DisableReason.
type JobQueueState struct {
	Name          string `json:"name,omitzero"`
	Enable        bool   `json:"enable"`
	Start         *bool  `json:"start,omitempty"`
	DisableReason string `json:"disable_reason,omitzero"`
	StopReason    string `json:"stop_reason,omitzero"`
	Reason        string `json:"reason,omitzero"`
}

// JobLogsAppended is job-info.logs-appended, by which the KVS says that somebody
// has written to the keys of jobs' event logs. It is not answered.
type JobLogsAppended struct {
	IDs []jobid.ID `json:"ids"`
}
