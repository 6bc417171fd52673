// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"syscall"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
)

// managerMethods is the authorisation table of job-manager.
var managerMethods = []service.Method{
	service.Unary("job-manager.getinfo", service.Guests, (*jobs).getInfo),
	service.Deferred("job-manager.sync", service.Owner, (*jobs).sync),
	service.Deferred("job-manager.raise", service.Guests, (*jobs).raise),
	service.Deferred("job-manager.raiseall", service.Guests, (*jobs).raiseAll),
	service.Deferred("job-manager.kill", service.Guests, (*jobs).kill),
	service.Deferred("job-manager.killall", service.Guests, (*jobs).killAll),
	service.Deferred("job-manager.urgency", service.Guests, (*jobs).urgency),
	service.Deferred("job-manager.memo", service.Guests, (*jobs).memo),
	service.Deferred("job-manager.update", service.Guests, (*jobs).update),
	service.Deferred("job-manager.wait", service.Owner, (*jobs).wait),
	service.Deferred("job-manager.list", service.Guests, (*jobs).managerList),
	service.Unary("job-manager.getattr", service.Guests, (*jobs).getAttr),
	service.Unary("job-manager.jobtap", service.Owner, (*jobs).jobtap),
	service.Unary("job-manager.jobtap-query", service.Owner, (*jobs).jobtapQuery),
	service.Deferred("job-manager.purge", service.Owner, (*jobs).purge),
	service.Deferred("job-manager.purge-id", service.Guests, (*jobs).purgeID),
	service.Deferred("job-manager.drain", service.Owner, (*jobs).drained),
	service.Deferred("job-manager.idle", service.Owner, (*jobs).idled),
	service.Raw("job-manager.sched-hello", service.Owner, (*jobs).schedHello),
	service.Deferred("job-manager.sched-ready", service.Owner, (*jobs).schedReady),
	service.Unary("job-manager.alloc-query", service.Guests, (*jobs).allocQuery),
	service.Unary("job-manager.resource-status", service.Owner, (*jobs).resourceStatus),
	service.Deferred("job-manager.exec-hello", service.Owner, (*jobs).execHello),
	service.Deferred("job-manager.events-journal", service.Owner, (*jobs).eventsJournal),
	service.Deferred("job-manager.events-journal-cancel", service.Owner, (*jobs).eventsJournalCancel),
	service.Unary("job-manager.history.get", service.Guests, (*jobs).historyGet),
	service.Deferred("job-manager.queue-enable", service.Owner, (*jobs).queueEnable),
	service.Deferred("job-manager.queue-start", service.Owner, (*jobs).queueStart),
	service.Unary("job-manager.queue-status", service.Guests, (*jobs).queueStatus),
	service.Unary("job-manager.queue-list", service.Guests, (*jobs).queueList),
	service.Unary("job-manager.stats-get", service.Guests, (*jobs).managerStats),
	service.Unary("job-manager.housekeeping-kill", service.Owner, (*jobs).housekeepingKill),
	service.Deferred("job-manager.post-event.post", service.Owner, (*jobs).postEvent),
}

// theirs finds an active job and checks that the sender may act on it. The
// texts are the caller's: what an unknown job and a stranger are told.
func (s *jobs) theirs(c *service.Call, id jobid.ID, errno syscall.Errno, unknown, denied string) (*job.Job, error) {
	j := s.m.Job(id)
	if j == nil {
		if s.isInactive(id) {
			return nil, message.Errorf(errno, "job is inactive")
		}
		return nil, message.Errorf(errno, "%s", unknown)
	}
	if err := c.Cred().Authorize(j.UserID); err != nil {
		return nil, message.Errorf(syscall.EPERM, "%s", denied)
	}
	return j, nil
}

func (s *jobs) raise(c *service.Call, req *rpc.JobRaise) {
	if err := job.ExceptionError(req.Type, req.Severity); err != nil {
		c.Fail(err)
		return
	}
	j, err := s.theirs(c, req.ID, syscall.ENOENT, "unknown job id", "guests can only raise exceptions on their own jobs")
	if err != nil {
		c.Fail(err)
		return
	}
	s.m.Raise(s.now(), j, job.Exception{
		Type: req.Type, Severity: req.Severity, Note: req.Note, UserID: c.Cred().UserID, WaitStatus: req.WaitStatus,
	})
	s.reply(c, nil)
}

// sync answers when all that was decided before it is durable.
func (s *jobs) sync(c *service.Call, req *rpc.JobsSync) {
	s.behind(!req.MayWait, func() { c.Respond(nil) })
}

// userUnknown stands for the jobs of all users.
const userUnknown = message.UserUnknown

// matching returns the active jobs of a user in the states of a mask. what a
// guest can only do to its own jobs is for the error.
func (s *jobs) matching(c *service.Call, userid uint32, states job.State, what string) ([]*job.Job, error) {
	if !c.Cred().IsOwner() && userid != c.Cred().UserID {
		return nil, message.Errorf(syscall.EPERM, "guests can only %s their own jobs", what)
	}
	var out []*job.Job
	for j := range s.m.Jobs {
		if (userid == userUnknown || j.UserID == userid) && j.State&states != 0 {
			out = append(out, j)
		}
	}
	sort.Slice(out, func(i, k int) bool { return out[i].ID < out[k].ID })
	return out, nil
}

func (s *jobs) raiseAll(c *service.Call, req *rpc.JobRaiseAll) {
	if err := job.ExceptionError(req.Type, req.Severity); err != nil {
		c.Fail(err)
		return
	}
	if req.States&int(job.Inactive) != 0 || req.States&^int(job.Active|job.New) != 0 {
		c.Fail(message.Errorf(syscall.EINVAL, "Invalid job states specified"))
		return
	}
	list, err := s.matching(c, req.UserID, job.State(req.States), "raise exceptions on")
	if err != nil {
		c.Fail(err)
		return
	}
	// a job that is ending by such an exception needs no other one
	list = slices.DeleteFunc(list, func(j *job.Job) bool {
		x := j.LastException
		return x != nil && x.Type == req.Type && x.Severity == 0 && req.Severity == 0
	})
	if !req.DryRun {
		for _, j := range list {
			s.m.Raise(s.now(), j, job.Exception{Type: req.Type, Severity: req.Severity, Note: req.Note, UserID: c.Cred().UserID})
		}
	}
	s.reply(c, rpc.JobsAffected{Count: len(list)})
}

// maxSignal is the largest signal number of Linux.
const maxSignal = 64

func (s *jobs) kill(c *service.Call, req *rpc.JobKill) {
	if req.Signum <= 0 || req.Signum > maxSignal {
		c.Fail(message.Errorf(syscall.EINVAL, "Invalid signal number"))
		return
	}
	j, err := s.theirs(c, req.ID, syscall.EINVAL, "unknown job id", "guests may only send signals to their own jobs")
	if err == nil && j.State&job.Running == 0 {
		err = message.Errorf(syscall.EINVAL, "job is not running")
	}
	if err != nil {
		c.Fail(err)
		return
	}
	s.killShells(j.ID, req.Signum)
	s.reply(c, nil)
}

// killShells signals all tasks of a job by way of its shells. They hear of it
// when they are ready to: until they have said so, it waits for them.
func (s *jobs) killShells(id jobid.ID, signum int) {
	if r := s.records[id]; r != nil && !r.ready {
		if len(r.early) == 0 {
			s.h.After(readyTime, func() { s.releaseKills(id, r) })
		}
		if len(r.early) < maxSignal {
			r.early = append(r.early, signum)
		}
		return
	}
	s.publishKill(id, signum)
}

// readyTime is how long signals wait: shells of other makes may not say that
// they are ready.
const readyTime = 2 * time.Second

// shellsReady looks at what is added to a job's exec event log for the event by
// which the first shell says that all of them are ready.
func (s *jobs) shellsReady(id jobid.ID, r *record, data []byte) {
	if r.ready || !bytes.Contains(data, []byte(`"name":"shell.init"`)) {
		return
	}
	s.releaseKills(id, r)
}

func (s *jobs) releaseKills(id jobid.ID, r *record) {
	r.ready = true
	for _, signum := range r.early {
		s.after(func() { s.publishKill(id, signum) })
	}
	r.early = nil
}

func (s *jobs) publishKill(id jobid.ID, signum int) {
	s.h.Publish(fmt.Sprintf("shell-%d.kill", uint64(id)), rpc.ShellKill{Signum: signum})
}

func (s *jobs) killAll(c *service.Call, req *rpc.JobKillAll) {
	if req.Signum <= 0 || req.Signum > maxSignal {
		c.Fail(message.Errorf(syscall.EINVAL, "Invalid signal number"))
		return
	}
	list, err := s.matching(c, req.UserID, job.Run, "kill")
	if err != nil {
		c.Fail(err)
		return
	}
	if !req.DryRun {
		for _, j := range list {
			s.killShells(j.ID, req.Signum)
		}
	}
	s.reply(c, rpc.JobsAffected{Count: len(list)})
}

func (s *jobs) urgency(c *service.Call, req *rpc.JobUrgency) {
	if req.Urgency < job.UrgencyMin || req.Urgency > job.UrgencyMax {
		c.Fail(message.Errorf(syscall.EINVAL, "urgency value is out of range"))
		return
	}
	j, err := s.theirs(c, req.ID, syscall.EINVAL, "unknown job", "guests can only reprioritize their own jobs")
	switch {
	case err != nil:
	case !c.Cred().IsOwner() && req.Urgency > max(job.UrgencyDefault, j.Urgency):
		err = message.Errorf(syscall.EPERM, "guests can only adjust urgency <= default")
	case j.Allocated:
		err = message.Errorf(syscall.EINVAL, "urgency cannot be changed once resources are allocated")
	}
	if err != nil {
		c.Fail(err)
		return
	}
	old := j.Urgency
	s.m.SetUrgency(s.now(), j, c.Cred().UserID, req.Urgency)
	s.reply(c, rpc.JobOldUrgency{Old: old})
}

func (s *jobs) memo(c *service.Call, req *rpc.JobMemo) {
	if req.Memo == nil {
		c.Fail(message.Errorf(syscall.EPROTO, "memo is not an object"))
		return
	}
	j, err := s.theirs(c, req.ID, syscall.ENOENT, "unknown job id", "guests can only add a memo to their own jobs")
	if err != nil {
		c.Fail(err)
		return
	}
	if req.Volatile {
		j.Annotate(map[string]any{"user": req.Memo})
	} else {
		s.m.Memo(s.now(), j, req.Memo)
	}
	s.annotated(j)
	s.reply(c, nil)
}

func (s *jobs) managerList(c *service.Call, req *rpc.JobManagerList) {
	if req.MaxEntries < 0 {
		c.Fail(message.Errorf(syscall.EPROTO, "max_entries < 0"))
		return
	}
	var all []*job.Job
	mine := func(j *job.Job) bool { return c.Cred().Authorize(j.UserID) == nil }
	for j := range s.m.Jobs {
		if mine(j) {
			all = append(all, j)
		}
	}
	sort.Slice(all, func(i, k int) bool {
		a, b := all[i], all[k]
		switch as, bs := a.State == job.Sched, b.State == job.Sched; {
		case as != bs:
			return as
		case as && a.Priority != b.Priority:
			return a.Priority > b.Priority
		}
		return a.ID < b.ID
	})
	if req.MaxEntries > 0 && len(all) > req.MaxEntries {
		all = all[:req.MaxEntries]
	}
	list := make([]map[string]any, 0, len(all))
	for _, j := range all {
		list = append(list, brief(j))
	}
	for id := range s.zombies {
		if s.m.Job(id) != nil {
			continue
		}
		if j, err := s.finished(id); err == nil && mine(j) {
			list = append(list, brief(j))
		}
	}
	s.reply(c, map[string]any{"jobs": list})
}

// brief is a job as job-manager.list has it.
func brief(j *job.Job) map[string]any {
	o := map[string]any{
		"id": j.ID, "userid": j.UserID, "urgency": j.Urgency, "priority": j.Priority,
		"t_submit": j.TSubmit, "state": int(j.State),
	}
	if j.Annotations != nil {
		o["annotations"] = j.Annotations
	}
	if len(j.Dependencies) > 0 {
		o["dependencies"] = j.Dependencies
	}
	return o
}

// getAttr answers with documents of a job, those with an environment without it.
func (s *jobs) getAttr(c *service.Call, req *rpc.JobGetAttr) (any, error) {
	j, err := s.find(req.ID)
	switch {
	case err != nil && s.confined(c):
		return nil, syscall.EPERM
	case err != nil:
		return nil, message.Errorf(syscall.EINVAL, "unknown job")
	case c.Cred().Authorize(j.UserID) != nil && s.set.private:
		return nil, syscall.EPERM
	case c.Cred().Authorize(j.UserID) != nil:
		return nil, message.Errorf(syscall.EPERM, "guests can only access their own jobs")
	}
	out := map[string]any{}
	for _, a := range req.Attrs {
		switch a {
		case "jobspec":
			out[a] = redacted(j)
		case "R":
			if j.R == nil {
				return nil, message.Errorf(syscall.ENOENT, "R is NULL")
			}
			out[a] = j.CurrentR()
		case "eventlog":
			out[a] = entriesOf(j.Log)
		default:
			return nil, message.Errorf(syscall.ENOENT, "unknown attr %s", a)
		}
	}
	return out, nil
}

func (s *jobs) managerStats(c *service.Call, _ *rpc.Empty) (any, error) {
	if err := s.public(c); err != nil {
		return nil, err
	}
	return map[string]any{
		"journal":       map[string]int{"listeners": s.journal.streams.Len(), "events": s.journal.events},
		"active_jobs":   s.m.Len(),
		"inactive_jobs": s.stats.inactive(),
		"max_jobid":     s.maxID,
		"housekeeping":  s.housekeepingStats(),
	}, nil
}

// postEvent lets the owner add events to a job's log, as flux-core's plugin
// post-event does.
func (s *jobs) postEvent(c *service.Call, req *rpc.JobPostEvent) {
	j := s.m.Job(req.ID)
	if j == nil {
		c.Fail(syscall.ENOENT)
		return
	}
	if err := s.m.Event(s.now(), j, req.Name, req.Context); err != nil {
		c.Fail(err)
		return
	}
	s.reply(c, nil)
}

// entriesOf turns log lines into JSON values.
func entriesOf(log []byte) []jsontext.Value {
	var out []jsontext.Value
	for start, i := 0, 0; i < len(log); i++ {
		if log[i] == '\n' {
			out = append(out, jsontext.Value(log[start:i]))
			start = i + 1
		}
	}
	return out
}
