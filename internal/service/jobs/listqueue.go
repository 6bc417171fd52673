// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"context"
	"time"

	"goflux/constraint"
	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// listQueue are the listings that wait. Those who ask for the same thing at the
// same time get the same answer; and listings, which anybody may ask for as
// often as they like, take their turns, so that a crowd of them leaves time
// for submissions and all else.
type listQueue struct {
	waiting []*lister
	same    map[string]*lister // of those that wait, by what is asked for
	busy    bool               // being answered, or in a pause
}

const (
	// listTurn is how many are answered at a time.
	listTurn = 32
	// listCost is about what it takes to bring an answer to its asker.
	listCost = 50 * time.Microsecond
	// listPauses is how many times longer than it took to answer it is then
	// paused.
	listPauses = 4
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
	begin := s.h.Now()
	n := 0
	for len(q.waiting) > 0 && n < listTurn {
		l := q.waiting[0]
		q.waiting = q.waiting[1:]
		if q.same[l.key] == l {
			delete(q.same, l.key)
		}
		n += len(l.calls)
		s.answerList(l)
	}
	took := s.h.Now().Sub(begin) + time.Duration(n)*listCost
	s.h.After(listPauses*took, func() {
		if len(q.waiting) == 0 {
			q.busy = false
			return
		}
		s.after(s.answerLists)
	})
}

func (s *jobs) answerList(l *lister) {
	if l.left = l.req.MaxEntries; l.left == 0 {
		l.left = -1
	}
	for _, j := range s.activeInOrder() {
		l.add(listing(j))
	}
	for _, j := range s.endingInOrder() {
		l.addEnded(listing(j))
	}
	s.listFinished(l)
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

// answer sends what was collected. It is made JSON once, off the loop.
func (s *jobs) answer(l *lister) {
	if l.err != nil {
		l.fail(l.err)
		return
	}
	streaming := l.calls[0].Streaming()
	var payloads [][]byte
	var err error
	s.h.Go(func(context.Context) { payloads, err = l.encode(streaming) }, func() {
		if err != nil {
			l.fail(err)
			return
		}
		for _, c := range l.calls {
			for _, p := range payloads {
				c.Respond(p)
			}
			if streaming {
				c.End()
			}
		}
	})
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
