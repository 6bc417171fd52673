// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

import (
	"github.com/go-json-experiment/json/jsontext"

	"goflux/jobid"
	"goflux/jobspec"
)

// AgentLaunch is job-agent.launch: start a job's shell on this node, or, with
// Reattach, find it again. Answered by a stream of AgentEvent. A node refuses
// (ESTALE) a launch that is older than one it has seen: by Term, the leader's,
// and Attempt, the job's.
type AgentLaunch struct {
	ID        jobid.ID         `json:"id"`
	Attempt   int              `json:"attempt"`
	Term      int64            `json:"term"`
	UserID    uint32           `json:"userid"`
	ShellRank int              `json:"shell_rank"`
	Shell     string           `json:"shell,omitzero"` // "": the installed one
	Jobspec   *jobspec.Jobspec `json:"jobspec"`
	R         jsontext.Value   `json:"R"`
	// Reattach: the shell has begun, and is to be found again. Again: it may have
	// begun.
	Reattach bool `json:"reattach,omitzero"`
	Again    bool `json:"again,omitzero"`
	// Number counts the launches of the term.
	Number uint64 `json:"number"`
	// Lasting says that the instance comes back after a restart: the shell is
	// to wait for its broker when that goes away.
	Lasting bool `json:"lasting,omitzero"`
}

// AgentEvent answers job-agent.launch: type is started (with pid), log (what
// the shell itself printed) or exited (with the wait status and what is still to
// be added to the job's streams), which is the last.
// Found says that the shell was there before it was asked for.
type AgentEvent struct {
	Type   string `json:"type"`
	Pid    int    `json:"pid,omitzero"`
	Found  bool   `json:"found,omitzero"`
	Status int    `json:"status,omitzero"`
	Stream string `json:"stream,omitzero"`
	Data   string `json:"data,omitzero"`

	Rest []ShellRest `json:"rest,omitempty"`
}

// AgentForget is job-agent.forget: how the job's shell ended is recorded, the
// node need not keep it any longer.
type AgentForget struct {
	ID      jobid.ID `json:"id"`
	Attempt int      `json:"attempt"`
}

// AgentKill is job-agent.kill: signal the process group of a job's shell on this
// node. Tasks have groups of their own.
type AgentKill struct {
	ID     jobid.ID `json:"id"`
	Signum int      `json:"signum"`
}

// AgentNext is job-agent.next: the shell of process Pid has ended the job with
// a wait status and would take another one. It is answered by [AgentJob] when
// there is one, by an error when the shell is to end.
type AgentNext struct {
	ID      jobid.ID `json:"id"`
	Attempt int      `json:"attempt"`
	Pid     int      `json:"pid"`
	Status  int      `json:"status"`

	Rest []ShellRest `json:"rest,omitempty"`
}

// AgentJob is a job for a shell: Info is the path of its [ShellInfo].
type AgentJob struct {
	ID   jobid.ID `json:"id"`
	Info string   `json:"info"`
}

// CriticalRanks is job-exec.critical-ranks: the shell ranks whose loss ends the job.
// It is job-info.critical-ranks as well, with brackets around.
type CriticalRanks struct {
	ID    jobid.ID `json:"id"`
	Ranks string   `json:"ranks"`
}

// ExecOverride is job-exec.override: what a mock job in override mode does
// next, start or finish.
type ExecOverride struct {
	JobID  jobid.ID `json:"jobid"`
	Event  string   `json:"event"`
	Status int      `json:"status,omitzero"`
}
