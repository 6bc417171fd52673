// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"sort"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// listMethods is the authorisation table of job-list.
var listMethods = []service.Method{
	service.Deferred("job-list.list", service.Guests, (*jobs).list),
	service.Deferred("job-list.list-id", service.Guests, (*jobs).listID),
	service.Unary("job-list.list-attrs", service.Guests, (*jobs).listAttrs),
	service.Raw("job-list.job-stats", service.Guests, (*jobs).jobStats),
	service.Deferred("job-list.stats-get", service.Guests, (*jobs).listStats),
	service.Unary("job-list.job-state-pause", service.Owner, (*jobs).listPause),
	service.Unary("job-list.job-state-unpause", service.Owner, (*jobs).listResume),
}

// listChunk is how many jobs one answer of a streaming listing has.
const listChunk = 500

// attrNames reads the names of attributes in a request. EPROTO when they are no
// list, EINVAL when one is not there.
func attrNames(v any) ([]string, error) {
	var names []string
	switch list := v.(type) {
	case nil:
	case []string:
		names = list
	case []any:
		for _, a := range list {
			name, ok := a.(string)
			if !ok {
				return nil, message.Errorf(syscall.EINVAL, "attr has no string value")
			}
			names = append(names, name)
		}
	default:
		return nil, message.Errorf(syscall.EPROTO, "invalid payload: attrs must be an array")
	}
	for _, n := range names {
		if !isAttr[n] {
			return nil, message.Errorf(syscall.EINVAL, "%s is not a valid attribute", n)
		}
	}
	return names, nil
}

// list answers job-list.list: active jobs from memory at once, those that have
// ended from the store, off the loop.
func (s *jobs) list(c *service.Call, req *rpc.JobList) {
	m, err := newMatcher(constraintOf(req), s.set.policy.Parent)
	var attrs []string
	switch {
	case req.MaxEntries < 0:
		err = message.Errorf(syscall.EPROTO, "invalid payload: max_entries < 0 not allowed")
	case req.Since < 0:
		err = message.Errorf(syscall.EPROTO, "invalid payload: since < 0.0 not allowed")
	case err == nil:
		attrs, err = attrNames(req.Attrs)
	}
	if err != nil {
		c.Fail(err)
		return
	}
	s.enqueue(c, &lister{
		req: req, attrs: attrs, m: m, ownOnly: s.confined(c), comparisons: s.maxComparisons,
	})
}

// constraintOf is what a request asks for as a constraint (RFC 43).
func constraintOf(req *rpc.JobList) jsontext.Value {
	var all []any
	leaf := func(op string, given bool, value any) {
		if given {
			all = append(all, map[string]any{op: []any{value}})
		}
	}
	if req.UserID != nil {
		leaf("userid", true, *req.UserID)
	}
	leaf("states", req.States != 0, req.States)
	leaf("results", req.Results != 0, req.Results)
	leaf("name", req.Name != "", req.Name)
	leaf("queue", req.Queue != "", req.Queue)
	if len(all) == 0 {
		return req.Constraint
	}
	if len(req.Constraint) > 0 {
		all = append(all, req.Constraint)
	}
	b, err := message.Marshal(map[string]any{"and": all})
	if err != nil {
		return req.Constraint
	}
	return b
}

// lister collects what one listing shows.
type lister struct {
	calls []*service.Call // who asked for it
	key   string          // what is asked for
	req   *rpc.JobList
	attrs []string
	m     matcher
	left  int // entries still wanted, -1 for any number
	// comparisons is how many more there may be, 0 for any number; after the
	// last one err says so.
	comparisons int
	err         error
	// ownOnly leaves out the jobs of others than user, the sender.
	ownOnly bool
	user    uint32
	jobs    []map[string]any
	damaged []uint64 // records that could not be read
	entries int
	// payloads are the answers.
	payloads [][]byte
}

// full reports that nothing more is to be shown.
func (l *lister) full() bool { return l.left == 0 || l.err != nil }

func (l *lister) add(o map[string]any) {
	if l.full() || l.ownOnly && uint32(number(o["userid"])) != l.user || !l.matches(o) {
		return
	}
	if l.left > 0 {
		l.left--
	}
	l.jobs = append(l.jobs, pick(o, l.attrs))
}

// matches holds a job to the constraint, as long as that is not too much.
func (l *lister) matches(o map[string]any) bool {
	if l.comparisons > 0 {
		if l.comparisons -= l.m.cost; l.comparisons <= 0 {
			l.err = message.Errorf(syscall.EINVAL,
				"Excessive comparisons made: ask for certain states, or for jobs that ended since a time")
			return false
		}
	}
	return l.m.matches(o)
}

func (l *lister) addEnded(o map[string]any) {
	if number(o["t_inactive"]) > l.req.Since {
		l.add(o)
	}
}

// activeInOrder are the pending jobs by priority, then the running ones, the
// newest first (RFC 43).
func (s *jobs) activeInOrder() []*job.Job {
	all := make([]*job.Job, 0, s.m.Len())
	for j := range s.m.Jobs {
		if j.State != job.New {
			all = append(all, j)
		}
	}
	sort.Slice(all, func(i, k int) bool {
		a, b := all[i], all[k]
		ap, bp := a.State&job.Pending != 0, b.State&job.Pending != 0
		switch {
		case ap != bp:
			return ap
		case ap && a.Priority != b.Priority:
			return a.Priority > b.Priority
		case !ap && a.TRun != b.TRun:
			return a.TRun > b.TRun
		}
		return a.ID < b.ID
	})
	return all
}

func (s *jobs) endingInOrder() []*job.Job {
	all := make([]*job.Job, 0, len(s.ending))
	for _, j := range s.ending {
		all = append(all, j)
	}
	sort.Slice(all, func(i, k int) bool { return all[i].TInactive > all[k].TInactive })
	return all
}

// listID answers at once, or when the job has reached a state.
func (s *jobs) listID(c *service.Call, req *rpc.JobListID) {
	attrs, err := attrNames(req.Attrs)
	if err == nil && req.State != 0 && stateOrder(job.State(req.State)) == 0 {
		err = message.Errorf(syscall.EPROTO, "invalid payload: invalid state specified")
	}
	if err != nil {
		c.Fail(err)
		return
	}
	s.after(func() {
		j := s.m.Job(req.ID)
		if s.listPaused || j != nil && stateOrder(j.State) < stateOrder(job.State(req.State)) {
			s.pending[req.ID] = append(s.pending[req.ID], c)
			return
		}
		if j, err = s.find(req.ID); err != nil {
			c.Fail(syscall.ENOENT)
			return
		}
		s.answerListID(c, j, attrs)
	})
}

func (s *jobs) answerListID(c *service.Call, j *job.Job, attrs []string) {
	if !s.visible(c, j.UserID) {
		c.Fail(syscall.ENOENT)
		return
	}
	c.Respond(&rpc.JobListed{Job: pick(listing(j), attrs)})
}

// reached answers those who waited for the job to get so far.
func (s *jobs) reached(j *job.Job) {
	list := s.pending[j.ID]
	if list == nil || s.listPaused {
		return
	}
	var rest []*service.Call
	for _, c := range list {
		var req rpc.JobListID
		if err := c.Msg.Decode(&req); err != nil {
			c.Fail(err)
			continue
		}
		if stateOrder(j.State) < stateOrder(job.State(req.State)) {
			rest = append(rest, c)
			continue
		}
		attrs, _ := attrNames(req.Attrs) // they were read before
		s.answerListID(c, j, attrs)
	}
	if rest == nil {
		delete(s.pending, j.ID)
		return
	}
	s.pending[j.ID] = rest
}

// stateOrder ranks the states in the order a job goes through them; 0 for what
// is no single state.
func stateOrder(st job.State) int {
	for i, x := range []job.State{job.New, job.Depend, job.Priority, job.Sched, job.Run, job.Cleanup, job.Inactive} {
		if st == x {
			return i + 1
		}
	}
	return 0
}

func (s *jobs) listAttrs(*service.Call, *rpc.Empty) (any, error) {
	return map[string]any{"attrs": append([]string{"id", "all"}, attrs...)}, nil
}
