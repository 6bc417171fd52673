// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import (
	"slices"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/eventlog"
	"goflux/internal/message"
	"goflux/jobid"
)

// This file is what may happen to a job: requests of users, and answers of the
// scheduler and the execution service.

// SetUrgency changes the urgency and with it the priority.
func (m *Machine) SetUrgency(now float64, j *Job, userid uint32, urgency int) {
	m.post(now, j, "urgency", urgencyContext{UserID: userid, Urgency: urgency})
	m.reprioritize(now, j)
}

// reprioritize gives a job that has a priority the one it should have now.
func (m *Machine) reprioritize(now float64, j *Job) {
	p := PriorityOf(j)
	if j.State != Sched || p == j.Priority {
		return
	}
	queued, asked := j.run.queued, j.run.allocating
	m.dequeue(j) // the trees are ordered by priority
	if asked {
		m.asked.Delete(j)
	}
	m.post(now, j, "priority", priorityContext{p})
	switch {
	case asked && p > 0:
		m.asked.Set(j)
		m.emit(Prioritize{j.ID, p})
	case asked:
		m.asked.Set(j)
		if !j.run.canceling {
			j.run.canceling = true
			m.emit(CancelAlloc{j.ID})
		}
	case queued && p > 0:
		m.enqueue(j)
	}
	m.advance(now, j)
}

// Raise posts an exception. Of severity zero it ends the job. A job that has ended
// takes none: what ends one job may end others before their turn comes.
func (m *Machine) Raise(now float64, j *Job, x Exception) {
	if j.State == Inactive {
		return
	}
	m.post(now, j, "exception", x)
	m.advance(now, j)
}

// Memo posts a memo event.
func (m *Machine) Memo(now float64, j *Job, memo map[string]any) { m.post(now, j, "memo", memo) }

// Event posts any event, refusing one that the job's state does not allow
// (EINVAL).
func (m *Machine) Event(now float64, j *Job, name string, ctx jsontext.Value) error {
	e := eventlog.Entry{Timestamp: now, Name: name}
	if ctx != nil {
		e.Context = []byte(ctx)
	}
	if err := e.Validate(); err != nil {
		return message.Errorf(syscall.EINVAL, "%v", err)
	}
	if err := m.apply(j, e); err != nil {
		return message.Errorf(syscall.EINVAL, "%v", err)
	}
	m.advance(now, j)
	return nil
}

// RemoveDependency says that a dependency is met. ENOENT when it is none.
func (m *Machine) RemoveDependency(now float64, j *Job, description string) error {
	if !slices.Contains(j.Dependencies, description) {
		return syscall.ENOENT
	}
	m.post(now, j, "dependency-remove", descriptionContext{Description: description})
	m.advance(now, j)
	return nil
}

// SchedulerReady says that a scheduler takes limit alloc requests at once (-1:
// any number).
func (m *Machine) SchedulerReady(now float64, limit int) {
	m.limit = limit
	m.fill(now)
}

// SchedulerGone says that the scheduler has left: what it was asked is asked
// again when the next is ready.
func (m *Machine) SchedulerGone(now float64) {
	m.limit = 0
	asked := m.asked.Items()
	m.asked.Clear()
	clear(m.left)
	for _, j := range asked {
		j.run.allocating, j.run.canceling = false, false
		m.advance(now, j)
	}
}

// Allocated is the scheduler's success: R, and annotations to merge.
func (m *Machine) Allocated(now float64, j *Job, r jsontext.Value, annotations map[string]any) {
	if !m.answered(j) {
		return
	}
	j.R = r
	if annotations != nil {
		j.Annotate(annotations)
	}
	m.post(now, j, "alloc", allocContext{Annotations: j.Annotations})
	m.advance(now, j)
	m.fill(now)
}

// Denied is the scheduler's refusal for good.
func (m *Machine) Denied(now float64, j *Job, note string) {
	if !m.answered(j) {
		return
	}
	j.setAnnotations(withoutSched(j.Annotations))
	m.post(now, j, "exception", Exception{Type: "alloc", Severity: 0, Note: note})
	m.advance(now, j)
	m.fill(now)
}

// AllocCanceled is the scheduler's answer to CancelAlloc.
func (m *Machine) AllocCanceled(now float64, j *Job) {
	if !m.answered(j) {
		return
	}
	j.setAnnotations(withoutSched(j.Annotations))
	m.advance(now, j)
	m.fill(now)
}

// AnsweredLate is the scheduler's last answer about a job that has ended
// meanwhile: r, unless it is nil, goes back.
func (m *Machine) AnsweredLate(now float64, id jobid.ID, r jsontext.Value) {
	if r != nil {
		m.emit(Free{id, r})
	}
	if j := m.left[id]; j != nil && m.answered(j) {
		m.fill(now)
	}
}

// Annotated are annotations of a pending request. It reports false when there is
// none: what comes late is about a request that has been taken back.
func (m *Machine) Annotated(j *Job, annotations map[string]any) bool {
	if !j.run.allocating || j.run.canceling {
		return false
	}
	j.Annotate(annotations)
	return true
}

// answered retires an alloc request; false when there was none.
func (m *Machine) answered(j *Job) bool {
	if !j.run.allocating {
		return false
	}
	m.asked.Delete(j)
	delete(m.left, j.ID)
	j.run.allocating, j.run.canceling = false, false
	return true
}

func withoutSched(a map[string]any) map[string]any {
	if _, ok := a["sched"]; !ok {
		return a
	}
	return merge(a, map[string]any{"sched": nil})
}

// ExecReady says that an execution service has announced itself: jobs that
// should run are given to it. Those a former one was running are to be found
// again by the new one.
func (m *Machine) ExecReady(now float64) {
	m.exec = true
	for j := range m.Jobs {
		j.run.executing = false
		if j.State == Run && j.Started {
			m.debug(now, j, "exec-reattach-start")
		}
		m.advance(now, j)
	}
}

// ExecGone says that the execution service has left. A job that it had not
// started is as if it had never been asked: another service starts it, and an
// end before that need not wait for one. note says how it left.
func (m *Machine) ExecGone(now float64, note string) {
	m.exec = false
	for j := range m.Jobs {
		if !j.run.executing {
			continue
		}
		m.debugNote(now, j, "start-lost", note)
		if !j.Started {
			j.run.executing = false
			m.advance(now, j)
		}
	}
}

// Executing is how many jobs have been given to an execution service that has
// not said that it is done with them.
func (m *Machine) Executing() int {
	n := 0
	for _, j := range m.jobs {
		if j.run.executing {
			n++
		}
	}
	return n
}

// ExecStarted: the shells run.
func (m *Machine) ExecStarted(now float64, j *Job) {
	if !j.Started {
		m.post(now, j, "start", nil)
	}
}

// ExecReattached: the shells were found again; nothing changes.
func (m *Machine) ExecReattached(now float64, j *Job) { m.debug(now, j, "exec-reattach-finish") }

// ExecFinished: the shells have ended, status being the greatest wait status.
func (m *Machine) ExecFinished(now float64, j *Job, status int) {
	if !j.Finished {
		m.post(now, j, "finish", finishContext{status})
		m.advance(now, j)
	}
}

// ExecReleased: the resources on some ranks (an idset or "all") are no longer
// used; final ends the execution.
func (m *Machine) ExecReleased(now float64, j *Job, ranks string, final bool) {
	if !j.run.executing {
		return
	}
	if j.Started {
		m.post(now, j, "release", releaseContext{Ranks: ranks, Final: final})
	}
	if !final {
		return
	}
	j.run.executing, j.run.adrift = false, false
	if j.Started && !j.Finished { // the service gave up
		m.post(now, j, "finish", finishContext{1 << 8})
	}
	if j.State == Run { // it never started: RFC 32 lets that end without a finish
		m.post(now, j, "exception", Exception{Type: "exec", Severity: 0, Note: "execution ended before the job started"})
	}
	m.advance(now, j)
}

// QueuesChanged applies a change of queues: jobs of stopped queues are taken
// back from the scheduler, those of started ones are sent.
func (m *Machine) QueuesChanged(now float64) {
	for j := range m.Jobs {
		if j.State != Sched {
			continue
		}
		if m.queues.Started(j.Facts().Queue) {
			m.enqueue(j)
			continue
		}
		m.dequeue(j)
		if j.run.allocating && !j.run.canceling {
			j.run.canceling = true
			m.emit(CancelAlloc{j.ID})
		}
	}
	m.fill(now)
}

// ExceptionError checks an exception that a user wants to raise: type a word,
// severity 0 to 7. EPROTO.
func ExceptionError(kind string, severity int) error {
	if kind == "" || slices.ContainsFunc([]byte(kind), func(c byte) bool { return c <= ' ' || c == '=' }) {
		return message.Errorf(syscall.EPROTO, "invalid exception type")
	}
	if severity < 0 || severity > 7 {
		return message.Errorf(syscall.EPROTO, "invalid exception severity")
	}
	return nil
}
