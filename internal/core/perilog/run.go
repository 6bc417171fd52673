// SPDX-License-Identifier: LGPL-3.0-or-later

package perilog

import (
	"fmt"
	"syscall"

	"goflux/idset"
)

// Kind is prolog or epilog.
type Kind int

// Kinds.
const (
	Prolog Kind = iota
	Epilog
)

func (k Kind) String() string { return [...]string{"prolog", "epilog"}[k] }

// Limits are how long a command may take, and what may end it. Times are in
// seconds.
type Limits struct {
	Timeout           float64 // 0 for none
	KillTimeout       float64 // from SIGTERM until its nodes are given up
	CancelOnException bool
	// PerRank: it runs on the job's nodes, which are drained when it fails.
	PerRank bool
}

// Run is the command of one job.
type Run struct {
	kind   Kind
	job    string // as people write its id
	limits Limits

	ranks, active, failed *idset.Set
	status                int // the greatest wait status so far
	canceled, timedOut    bool
	gaveUp                bool // it outlived SIGTERM
	over                  bool
	timeoutAt, killAt     float64 // 0: not set
}

// Effect is something a [Run] wants done.
type Effect interface{ effect() }

// Effects.
type (
	// Terminate sends SIGTERM to the command on ranks.
	Terminate struct{ Ranks *idset.Set }
	// Drain takes nodes out of service; [Run.Drained] is to be called when
	// that has happened or cannot.
	Drain struct {
		Ranks  *idset.Set
		Reason string
	}
	// Over says that the command has ended, or has been given up.
	Over struct{ Result Result }
)

func (Terminate) effect() {}
func (Drain) effect()     {}
func (Over) effect()      {}

// Result is how a command has ended.
type Result struct {
	Status int // greatest wait status
	// Failed says that the job is to be told: What happened on which Ranks.
	Failed bool
	What   string
	Ranks  *idset.Set
}

// Start begins a command of the named job on ranks at a time in seconds.
func Start(now float64, kind Kind, job string, limits Limits, ranks *idset.Set) *Run {
	r := &Run{kind: kind, job: job, limits: limits, ranks: ranks.Clone(), active: ranks.Clone(), failed: idset.New()}
	if limits.Timeout > 0 {
		r.timeoutAt = now + limits.Timeout
	}
	return r
}

// Next is when [Run.Tick] is to be called; false for never.
func (r *Run) Next() (at float64, ok bool) {
	switch {
	case r.over:
		return 0, false
	case r.killAt != 0:
		return r.killAt, true
	}
	return r.timeoutAt, r.timeoutAt != 0
}

// Exited says that the command has ended on a rank, with a wait status.
func (r *Run) Exited(rank uint32, status int) []Effect {
	if r.over || !r.active.Contains(rank) {
		return nil
	}
	r.active.Remove(rank)
	if status != 0 {
		r.failed.Add(rank)
	}
	r.status = max(r.status, status)
	if !r.active.Empty() {
		return nil
	}
	return r.end()
}

// Statuses of a command that could not be started, as a shell has them.
const (
	statusFailed      = 1 << 8
	statusNotAllowed  = 126 << 8
	statusNoSuchThing = 127 << 8
)

// Failed says that the command could not be run on a rank. A node that has gone
// is no failure of the command: the job is ended for other reasons.
func (r *Run) Failed(rank uint32, errno syscall.Errno) []Effect {
	switch errno {
	case syscall.EHOSTUNREACH:
		return r.Exited(rank, 0)
	case syscall.EPERM, syscall.EACCES:
		return r.Exited(rank, statusNotAllowed)
	case syscall.ENOENT:
		return r.Exited(rank, statusNoSuchThing)
	}
	return r.Exited(rank, statusFailed)
}

// Exception says that the job got a fatal exception.
func (r *Run) Exception(now float64) []Effect {
	if r.over || r.canceled || !r.limits.CancelOnException || r.active.Empty() {
		return nil
	}
	r.canceled = true
	return r.terminate(now)
}

// Tick acts on the time.
func (r *Run) Tick(now float64) []Effect {
	switch {
	case r.over:
	case r.killAt != 0:
		if now < r.killAt {
			return nil
		}
		r.gaveUp = true
		r.failed = r.active.Clone()
		return r.drainThenEnd()
	case r.timeoutAt != 0 && now >= r.timeoutAt:
		r.timedOut = true
		return r.terminate(now)
	}
	return nil
}

func (r *Run) terminate(now float64) []Effect {
	if r.killAt != 0 {
		return nil
	}
	r.killAt = now + r.limits.KillTimeout
	return []Effect{Terminate{r.active.Clone()}}
}

// end acts on the end on all ranks.
func (r *Run) end() []Effect {
	if r.limits.PerRank && r.status != 0 && !r.canceled {
		return r.drainThenEnd()
	}
	r.over = true
	return r.Drained()
}

// drainThenEnd drains the nodes that have failed before it is over, so that no
// other job is given them meanwhile.
func (r *Run) drainThenEnd() []Effect {
	r.over = true
	if r.failed.Empty() {
		return r.Drained()
	}
	what := "failed"
	switch {
	case r.canceled:
		what = "canceled then timed out"
	case r.timedOut:
		what = "timed out"
	}
	return []Effect{Drain{r.failed.Clone(), fmt.Sprintf("%s %s for job %s", r.kind, what, r.job)}}
}

// Drained says that [Drain] has been carried out.
func (r *Run) Drained() []Effect {
	return []Effect{Over{Result{
		Status: r.status, Failed: r.status != 0 && !r.canceled || r.gaveUp, What: r.what(), Ranks: r.failed.Clone(),
	}}}
}

// what tells how it ended, for the job's exception.
func (r *Run) what() string {
	ws := syscall.WaitStatus(r.status)
	switch {
	case r.gaveUp && r.canceled:
		return fmt.Sprintf("%s canceled then timed out", r.kind)
	case r.timedOut:
		return fmt.Sprintf("%s timed out", r.kind)
	case ws.Signaled():
		return fmt.Sprintf("%s killed by signal %d", r.kind, int(ws.Signal()))
	case ws.ExitStatus() > 128:
		return fmt.Sprintf("%s killed by signal %d", r.kind, ws.ExitStatus()-128)
	}
	return fmt.Sprintf("%s exited with code=%d", r.kind, ws.ExitStatus())
}

// Report is how a [Run] stands.
type Report struct {
	Name          string `json:"name"`
	State         string `json:"state"` // running, timeout, canceled
	Total         int    `json:"total"`
	Active        int    `json:"active"`
	ActiveRanks   string `json:"active_ranks"`
	RemainingTime int    `json:"remaining_time"` // seconds, -1 for no limit
}

// Report says how it stands.
func (r *Run) Report(now float64) Report {
	p := Report{
		Name: r.kind.String(), State: "running", Total: r.ranks.Len(), Active: r.active.Len(),
		ActiveRanks: r.active.String(), RemainingTime: -1,
	}
	switch {
	case r.canceled:
		p.State = "canceled"
	case r.timedOut:
		p.State = "timeout"
	}
	if at, ok := r.Next(); ok {
		p.RemainingTime = int(at - now + 0.5)
	}
	return p
}

// Active are the ranks where it has not ended.
func (r *Run) Active() *idset.Set { return r.active.Clone() }
