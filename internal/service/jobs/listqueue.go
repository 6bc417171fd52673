// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"context"
	"reflect"
	"syscall"
	"time"

	"goflux/constraint"
	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/store"
	"goflux/jobid"
	"goflux/jobspec"
)

// listQueue are the listings that wait. Those who ask for the same thing at the
// same time get the same answer; and listings, which anybody may ask for as
// often as they like, take their turns, so that a crowd of them leaves time
// for submissions and all else.
type listQueue struct {
	waiting []*lister
	same    map[string]*lister // of those that wait, by what is asked for
	busy    bool               // being answered, or in a pause
	read    readRows
	// spent is the time that listings have taken beyond their share, as of at.
	spent time.Duration
	at    time.Time
}

const (
	// listTurn is how many are answered at a time.
	listTurn = 8
	// listCost is about what it takes to bring an answer to its asker, and
	// entryCost what an entry of one does.
	listCost  = 50 * time.Microsecond
	entryCost = 20 * time.Microsecond
	// listShare is the share of a processor that a crowd's listings get: one
	// in so many parts. Up to listCredit is given at once: those who list now
	// and then are never kept waiting.
	listShare  = 5
	listCredit = 60 * time.Millisecond
	// maxWaitingLists bounds the memory of a crowd: some 1 kB each.
	maxWaitingLists = 1 << 14
)

// enqueue puts a listing behind those that wait.
func (s *jobs) enqueue(c *service.Call, l *lister) {
	q := &s.lists
	if key, err := message.Marshal(l.req); err == nil {
		l.key = string(key)
		if c.Streaming() {
			l.key += " stream"
		}
		if l.ownOnly {
			l.key += " own"
			l.user = c.Cred().UserID
		}
	}
	if same := q.same[l.key]; same != nil && same.user == l.user && len(same.calls) < listTurn {
		same.calls = append(same.calls, c)
		return
	}
	if len(q.waiting) >= maxWaitingLists {
		c.Fail(message.Errorf(syscall.EBUSY, "%d listings are waiting: try again", maxWaitingLists))
		return
	}
	l.calls = []*service.Call{c}
	q.waiting = append(q.waiting, l)
	if q.same == nil {
		q.same = map[string]*lister{}
	}
	q.same[l.key] = l
	if !q.busy {
		q.busy = true
		s.after(s.answerLists)
	}
}

// answerLists gives some listings their turn, and then others theirs.
func (s *jobs) answerLists() {
	q := &s.lists
	var turn []*lister
	n := 0
	for len(q.waiting) > 0 && n < listTurn {
		l := q.waiting[0]
		q.waiting = q.waiting[1:]
		if q.same[l.key] == l {
			delete(q.same, l.key)
		}
		n += len(l.calls)
		turn = append(turn, l)
	}
	active, ending := s.listed()
	s.h.Go(func(context.Context) {
		for _, l := range turn {
			l.collect(s.store, &q.read, active, ending)
		}
	}, func() {
		cost := time.Duration(n) * listCost
		for _, l := range turn {
			cost += time.Duration(l.entries) * entryCost
			s.answer(l)
		}
		if pause := q.pause(s.h.Now(), cost); pause > 0 {
			s.h.After(pause, s.nextTurn)
			return
		}
		s.nextTurn()
	})
}

// pause books what listings have cost, and is how long there are to be none: only
// a crowd, more than have their turn at once, is kept waiting.
func (q *listQueue) pause(now time.Time, cost time.Duration) time.Duration {
	q.spent = max(0, q.spent-now.Sub(q.at)/listShare) + cost
	q.at = now
	if len(q.waiting) < listTurn {
		return 0
	}
	return max(0, q.spent-listCredit) * listShare
}

func (s *jobs) nextTurn() {
	if len(s.lists.waiting) == 0 {
		s.lists.busy = false
		return
	}
	s.after(s.answerLists)
}

// listed are the listings of jobs that are not yet in the store as they ended,
// in the order that they are shown in.
func (s *jobs) listed() (active, ending []map[string]any) {
	for _, j := range s.activeInOrder() {
		active = append(active, s.listingOf(j))
	}
	for _, j := range s.endingInOrder() {
		ending = append(ending, listing(j))
	}
	return active, ending
}

// listingOf is the listing of an active job, which is made anew when the job
// has changed. It is not to be changed.
func (s *jobs) listingOf(j *job.Job) map[string]any {
	r := s.records[j.ID]
	if r == nil {
		return listing(j)
	}
	now := listedAs{
		j.Events, j.State, j.Priority, j.Urgency, j.Jobspec, j.Expiration, reflect.ValueOf(j.Annotations).Pointer(),
	}
	if r.listing == nil || r.listedAs != now {
		r.listing, r.listedAs = listing(j), now
	}
	return r.listing
}

// listedAs tells whether a job has changed since it was last listed: nearly all
// that changes comes with an event, and annotations are replaced, not changed.
type listedAs struct {
	events      int
	state       job.State
	priority    int64
	urgency     int
	jobspec     *jobspec.Jobspec
	expiration  *float64
	annotations uintptr
}

// collect finds what a listing shows and makes it JSON: off the loop.
func (l *lister) collect(st *store.Store, read *readRows, active, ending []map[string]any) {
	if l.left = l.req.MaxEntries; l.left == 0 {
		l.left = -1
	}
	for _, o := range active {
		l.add(o)
	}
	for _, o := range ending {
		l.addEnded(o)
	}
	if !l.full() && l.m.wantsEnded() {
		l.collectFinished(st, read, ending)
	}
	l.entries = len(l.jobs)
	if l.err == nil {
		l.payloads, l.err = l.encode(l.calls[0].Streaming())
	}
	l.jobs = nil
}

func (l *lister) collectFinished(st *store.Store, read *readRows, ending []map[string]any) {
	shown := make(map[uint64]bool, len(ending))
	for _, o := range ending {
		id, _ := o["id"].(uint64)
		shown[id] = true
	}
	query := store.JobQuery{Since: l.req.Since, Known: func(f *store.FinishedJob) bool {
		return shown[f.ID] || read.get(f) != nil
	}}
	err := st.FinishedJobs(query, func(f *store.FinishedJob) bool {
		if shown[f.ID] {
			return true
		}
		o := read.get(f)
		if o == nil {
			if message.Unmarshal(f.Info, &o) != nil {
				l.damaged = append(l.damaged, f.ID)
				return true
			}
			read.put(f, o)
		}
		l.addEnded(o)
		return !l.full()
	})
	if l.err == nil {
		l.err = err
	}
}

// wantsEnded reports whether a constraint may hold of a job that has ended.
func (m matcher) wantsEnded() bool { return mayHaveEnded(m.expr) }

func mayHaveEnded(e *constraint.Expr[subject]) bool {
	switch e.Op() {
	case "states":
		leaf, err := maskLeaf("states", e.Values())
		return err != nil || leaf(subject{"state": int(job.Inactive)})
	case constraint.And:
		for _, arg := range e.Args() {
			if !mayHaveEnded(arg) {
				return false
			}
		}
	}
	return true
}

// answer sends what was collected.
func (s *jobs) answer(l *lister) {
	if len(l.damaged) > 0 {
		s.h.Log().Error("job list: damaged records are left out: see flux fsck", "count", len(l.damaged), "first", idText(jobid.ID(l.damaged[0])))
	}
	if l.err != nil {
		l.fail(l.err)
		return
	}
	for _, c := range l.calls {
		for _, p := range l.payloads {
			c.Respond(p)
		}
		if c.Streaming() {
			c.End()
		}
	}
}

func (l *lister) fail(err error) {
	for _, c := range l.calls {
		c.Fail(err)
	}
}

// encode makes the answers, several for a stream.
func (l *lister) encode(streaming bool) ([][]byte, error) {
	if !streaming {
		if l.jobs == nil {
			l.jobs = []map[string]any{}
		}
		p, err := payloadOf(&rpc.JobsListed{Jobs: l.jobs})
		return [][]byte{p}, err
	}
	var out [][]byte
	version := 1
	for jobs := l.jobs; len(jobs) > 0; version = 0 {
		n := min(len(jobs), listChunk)
		p, err := payloadOf(&rpc.JobsListed{Jobs: jobs[:n], Version: version})
		if err != nil {
			return nil, err
		}
		out, jobs = append(out, p), jobs[n:]
	}
	return out, nil
}

// payloadOf is a payload as it is sent: JSON that a NUL ends (RFC 3).
func payloadOf(v any) ([]byte, error) {
	b, err := message.Marshal(v)
	return append(b, 0), err
}
