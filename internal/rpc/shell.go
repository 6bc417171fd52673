// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

import (
	"github.com/go-json-experiment/json/jsontext"

	"goflux/jobid"
)

// ShellInfoEnv names the environment variable that tells a job shell the path
// of its [ShellInfo]. Without it the shell asks job-info.lookup.
const ShellInfoEnv = "FLUX_SHELL_INFO"

// ShellNoteFile is the file, in a job's directory, in which its shell notes that
// it has the job, before it does anything for it.
const ShellNoteFile = "pid"

// ShellExitFile is the name of a shell's [ShellExit], in the directory of its
// [ShellInfo]. There may be one of an earlier job.
const ShellExitFile = "exit.json"

// ShellInfo is what the execution service tells a job shell, in a file: all
// that it needs to start its tasks.
type ShellInfo struct {
	ID      jobid.ID `json:"id"`
	Attempt int      `json:"attempt,omitzero"`
	UserID  uint32   `json:"userid"`
	// BrokerRank is this node's; the shell's own rank is its place among the
	// ranks of R.
	BrokerRank uint32         `json:"broker_rank"`
	R          jsontext.Value `json:"R"`
	Jobspec    jsontext.Value `json:"jobspec"`
	// Attrs are the broker attributes of [ShellAttrs] that there are. Without
	// any the shell asks for them.
	Attrs map[string]string `json:"attrs,omitempty"`
	// Cores are the node's cores in logical order, as lists of processors
	// ("0,64"); without them the shell reads the topology itself.
	Cores []string `json:"cores,omitempty"`
	// Next says that the shell, when it has ended the job, may ask for
	// another one (job-agent.next).
	Next bool `json:"next,omitzero"`
	// Pid and Started are the shell's process and when it was started, where
	// it was there before the job.
	Pid     int    `json:"pid,omitzero"`
	Started string `json:"started,omitempty"`
}

// ShellAttrs are the broker attributes that a shell wants to know.
var ShellAttrs = []string{
	"rundir", "jobid-path", "instance-level", "security.owner", "tbon.interface-hint",
	"conf.shell_initrc", "conf.shell_pluginpath",
}

// ShellExit is what a job shell leaves when it ends, for an execution service
// that is not its parent: a wait status.
type ShellExit struct {
	ID      jobid.ID `json:"id"`
	Attempt int      `json:"attempt,omitzero"`
	Pid     int      `json:"pid"`
	Status  int      `json:"status"`
	// Rest is what it has not added to the job's streams.
	Rest []ShellRest `json:"rest,omitempty"`
}

// ShellRest is what a shell that has ended leaves to be added to one of its
// job's streams: see [JobStreamAppend].
type ShellRest struct {
	Stream string `json:"stream"`
	Data   string `json:"data"`
	Seq    uint64 `json:"seq,omitzero"`
}

// ShellBarrier is job-exec.shell-barrier: it is answered when all shells of
// the job have sent it. Rank is the broker's. Seq counts the job's barriers from
// 1, so that one may be asked for again by a shell that lost the answer.
type ShellBarrier struct {
	ID   jobid.ID `json:"id"`
	Rank uint32   `json:"rank"`
	Seq  int      `json:"seq"`
}

// ShellPassed answers UID-shell-ID.barriers: how many barriers that shell has
// passed.
type ShellPassed struct {
	Passed int `json:"passed"`
}

// ShellTask is what is told of a task: the shell's doom, and the context of
// the event shell.task-exit.
type ShellTask struct {
	LocalID    int    `json:"localid"`
	Rank       int    `json:"rank"`
	State      string `json:"state"`
	Pid        int    `json:"pid,omitzero"`
	WaitStatus int    `json:"wait_status"`
	Signaled   int    `json:"signaled"`
	ExitCode   int    `json:"exitcode"`
}

// ShellWrite is the shell's write: an output event (data or log) of a shell
// other than the leader's.
type ShellWrite struct {
	Name      string         `json:"name"`
	ShellRank int            `json:"shell_rank"`
	Context   jsontext.Value `json:"context"`
}

// ShellTold is the shell's told: what the shell From tells, in order. First is
// the number of the first word, counted from 1; words that have been heard are
// told again when it is not known that they were.
type ShellTold struct {
	From  int         `json:"from"`
	First int         `json:"first"`
	Words []ShellWord `json:"words"`
}

// ShellWord is a request to one of the shell's methods that has no answer.
type ShellWord struct {
	Method string         `json:"method"`
	Data   jsontext.Value `json:"data"`
}

// ShellCredit is the shell's write-getcredit: leave for as many more writes.
type ShellCredit struct {
	Credits int `json:"credits"`
}

// ShellExchange is the shell's pmi-exchange: the keys that the shells below
// have for the others, in the job's exchange number Seq. It is answered with
// those of all.
type ShellExchange struct {
	ShellRank int               `json:"shell_rank"`
	Seq       int               `json:"seq"`
	Keys      map[string]string `json:"keys"`
}

// ShellRank is the shell's tasks-complete.
type ShellRank struct {
	ShellRank int `json:"shell_rank"`
}

// ShellException is the shell's exception: what the execution service tells
// the leader. Type lost-shell says that ShellRank is gone.
type ShellException struct {
	Type      string `json:"type"`
	Severity  int    `json:"severity"`
	ShellRank int    `json:"shell_rank"`
	Message   string `json:"message,omitzero"`
}

// ShellRaise is job-manager.raise as a shell sends it: with the wait status of
// the task that is to blame, if one is.
type ShellRaise struct {
	ID         jobid.ID `json:"id"`
	Type       string   `json:"type"`
	Severity   int      `json:"severity"`
	Note       string   `json:"note"`
	WaitStatus *int     `json:"wait_status,omitempty"`
}
