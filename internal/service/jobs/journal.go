// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"bytes"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/eventlog"
	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/store"
	"goflux/jobid"
)

// journal serves job-manager.events-journal: all events of all jobs, as they
// become durable.
type journal struct {
	streams service.Streams[journalFilter]
	events  int
}

// journalFilter is sets of event names; without an allow set all pass it.
type journalFilter struct{ allow, deny map[string]jsontext.Value }

func newJournalFilter(req *rpc.JobsJournal) (f journalFilter, err error) {
	if req.Allow != nil && message.Unmarshal(req.Allow, &f.allow) != nil {
		return f, message.Errorf(syscall.EPROTO, "job-manager.events allow should be an object")
	}
	if req.Deny != nil && message.Unmarshal(req.Deny, &f.deny) != nil {
		return f, message.Errorf(syscall.EPROTO, "job-manager.events deny should be an object")
	}
	return f, nil
}

func (f journalFilter) passes(name string) bool {
	if f.allow != nil {
		if _, ok := f.allow[name]; !ok {
			return false
		}
	}
	_, denied := f.deny[name]
	return !denied
}

func (f journalFilter) filter(log []byte) []jsontext.Value {
	entries := entriesOf(log)
	if f.allow == nil && f.deny == nil {
		return entries
	}
	var out []jsontext.Value
	for _, e := range entries {
		if parsed, err := eventlog.ParseEntry(append(bytes.Clone(e), '\n')); err == nil && f.passes(parsed.Name) {
			out = append(out, e)
		}
	}
	return out
}

// event tells the listeners of an event.
func (n *journal) event(j *job.Job, e eventlog.Entry) {
	n.events++
	if n.streams.Len() == 0 {
		return
	}
	ev := rpc.JobEvents{ID: j.ID, Events: []jsontext.Value{bytes.TrimSuffix(e.Append(nil), []byte{'\n'})}}
	switch e.Name {
	case "submit":
		ev.Jobspec = redacted(j)
	case "alloc":
		ev.R = j.R
	}
	for st := range n.streams.All() {
		if st.State.passes(e.Name) {
			st.Respond(&ev)
		}
	}
}

// annotations tells them of a change that is in no event log, as an event that
// is shown and not kept.
func (n *journal) annotations(j *job.Job, now float64) {
	ctx, err := message.Marshal(map[string]any{"annotations": j.Annotations})
	if err != nil {
		return
	}
	n.event(j, eventlog.Entry{Timestamp: now, Name: "annotations", Context: ctx})
}

// redacted is the jobspec without the environment, which may be large and is
// nobody's business.
func redacted(j *job.Job) jsontext.Value {
	spec := j.Jobspec.Clone()
	_ = spec.DeleteAttr("system.environment") // absent is as good
	b, err := message.Marshal(spec)
	if err != nil {
		return nil
	}
	return b
}

// eventsJournal sends the history, a sentinel, and then events as they come.
func (s *jobs) eventsJournal(c *service.Call, req *rpc.JobsJournal) {
	if !c.Streaming() {
		c.Fail(message.Errorf(syscall.EPROTO, "job-manager.events requires streaming RPC flag"))
		return
	}
	f, err := newJournalFilter(req)
	if err != nil {
		c.Fail(err)
		return
	}
	// Of the active jobs, what is in their logs now: what is added later comes
	// as events.
	active := map[uint64]bool{}
	var backlog []rpc.JobEvents
	for j := range s.m.Jobs {
		active[uint64(j.ID)] = true
		backlog = append(backlog, rpc.JobEvents{ID: j.ID, Events: f.filter(j.Log), Jobspec: redacted(j), R: j.R})
	}
	s.after(func() {
		if req.Full {
			s.journalHistory(c, f, active)
		}
		for i := range backlog {
			c.Respond(&backlog[i])
		}
		c.Respond(&rpc.JobEvents{ID: rpc.JobEventsSentinel, Events: []jsontext.Value{}})
		s.journal.streams.Add(c, f)
	})
}

// journalHistory sends the events of the jobs that have ended, but for those
// that were active a moment ago.
func (s *jobs) journalHistory(c *service.Call, f journalFilter, but map[uint64]bool) {
	q := store.JobQuery{Records: true, Known: noInfo}
	err := s.store.FinishedJobs(q, func(row *store.FinishedJob) bool {
		if but[row.ID] {
			return true
		}
		past, err := pastOf(row)
		if err != nil {
			s.h.Log().Error("journal history", "jobid", row.ID, "err", err)
			return true
		}
		past.Events = f.filter(row.Records["eventlog"])
		c.Respond(past)
		return true
	})
	if err != nil {
		s.h.Log().Error("journal history", "err", err)
	}
}

// pastOf is what the journal says of a job that has ended, but for its events:
// its jobspec and R as they became. Most stayed as they were, so there is
// nothing to replay.
func pastOf(row *store.FinishedJob) (*rpc.JobEvents, error) {
	log, spec := row.Records["eventlog"], row.Records["jobspec"]
	if bytes.Contains(log, []byte(`-update"`)) || bytes.Contains(spec, []byte(`"environment"`)) || spec == nil {
		j, err := revive(row)
		if err != nil {
			return nil, err
		}
		return &rpc.JobEvents{ID: j.ID, Jobspec: redacted(j), R: j.R}, nil
	}
	return &rpc.JobEvents{ID: jobid.ID(row.ID), Jobspec: spec, R: row.Records["R"]}, nil
}

func (s *jobs) eventsJournalCancel(c *service.Call, req *rpc.Matchtag) {
	s.journal.streams.Cancel(c, req.Matchtag)
}

// Disconnect implements service.Disconnecter: a client, the scheduler or the
// execution service has gone.
func (s *jobs) Disconnect(sender string) {
	s.journal.streams.Disconnect(sender, nil)
	s.watch.disconnect(sender, s.endRelay)
	s.updates.disconnect(sender, nil)
	s.statsWatch.Disconnect(sender, nil)
	if sender == s.sched.sender {
		s.schedGone(syscall.ECONNRESET)
	}
	if sender == s.exec.sender {
		s.execGone(syscall.ECONNRESET, "disconnect")
	}
	drop := func(list []*service.Call) []*service.Call {
		out := list[:0]
		for _, c := range list {
			if c.Msg.Sender() != sender {
				out = append(out, c)
			}
		}
		return out
	}
	s.waiters, s.idle, s.drain = drop(s.waiters), drop(s.idle), drop(s.drain)
	for _, r := range s.records {
		if r.waiting != nil && r.waiting.Msg.Sender() == sender {
			r.waiting = nil
		}
	}
}
