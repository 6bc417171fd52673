// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/flux"
	"goflux/hostlist"
	"goflux/idset"
	"goflux/internal/cli/datetime"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// jobQuery asks for a list of jobs.
type jobQuery struct {
	ids     []jobid.ID
	names   []string // of the ids, as the user wrote them
	attrs   []string
	user    uint32
	filter  []string // words of --filter
	name    string
	queues  []string
	include string
	since   float64
	count   int // 0 for all
}

// parseUserStrict reads the value of --user of strict commands.
func parseUserStrict(s string) (uint32, error) {
	id, ok := parseUser(strings.TrimPrefix(s, "+"))
	if !ok {
		return 0, fail("Invalid user %s specified", s)
	}
	return id, nil
}

// constraint is what the jobs have to satisfy (RFC 43).
func (q *jobQuery) constraint() (jsontext.Value, error) {
	and := []any{}
	if q.include != "" {
		c, err := includeConstraint(q.include)
		if err != nil {
			return nil, err
		}
		and = append(and, c)
	}
	if q.user != allUsers {
		and = append(and, map[string]any{"userid": []uint32{q.user}})
	}
	if q.name != "" {
		and = append(and, map[string]any{"name": []string{q.name}})
	}
	if len(q.queues) > 0 {
		and = append(and, map[string]any{"queue": q.queues})
	}
	states, results := 0, 0
	for _, word := range q.filter {
		s, r, ok := jobinfo.ParseFilter(word)
		if !ok {
			return nil, fail("Invalid filter specified: %s", strings.ToLower(word))
		}
		states, results = states|s, results|r
	}
	byState := map[string]any{"states": []int{states}}
	byResult := map[string]any{"results": []int{results}}
	switch {
	case states != 0 && results != 0:
		and = append(and, map[string]any{"or": []any{byState, byResult}})
	case states != 0:
		and = append(and, byState)
	case results != 0:
		and = append(and, byResult)
	}
	return message.Marshal(map[string]any{"and": and})
}

// includeConstraint reads the value of --include: ranks or hosts.
func includeConstraint(s string) (any, error) {
	if ranks, err := idset.Parse(s); err == nil {
		return map[string]any{"ranks": []string{ranks.String()}}, nil
	}
	hosts, err := hostlist.Parse(s)
	if err != nil {
		return nil, fail("-i/--include: invalid targets: %s", s)
	}
	return map[string]any{"hostlist": []string{hosts.String()}}, nil
}

// queryJobs asks for jobs. Ids that are not known are reported.
func (a *app) queryJobs(h *flux.Client, q *jobQuery) ([]*jobinfo.Job, error) {
	now := time.Now()
	if len(q.ids) > 0 {
		return a.queryIDs(h, q, now)
	}
	c, err := q.constraint()
	if err != nil {
		return nil, err
	}
	var jobs []*jobinfo.Job
	var bad error
	req := rpc.JobList{MaxEntries: q.count, Attrs: q.attrs, Since: q.since, Constraint: c}
	err = listJobs(a, h, req, func(v jsontext.Value) {
		j, err := jobinfo.Parse(v, now)
		if err != nil {
			bad = err
			return
		}
		jobs = append(jobs, j)
	})
	return jobs, errors.Join(err, bad)
}

func (a *app) queryIDs(h *flux.Client, q *jobQuery, now time.Time) ([]*jobinfo.Job, error) {
	calls := make([]*flux.Call, len(q.ids))
	for i, id := range q.ids {
		var err error
		if calls[i], err = h.Go("job-list.list-id", flux.NodeAny, rpc.JobListID{ID: id, Attrs: q.attrs}); err != nil {
			return nil, err
		}
	}
	var jobs []*jobinfo.Job
	for i, call := range calls {
		var resp struct {
			Job jsontext.Value `json:"job"`
		}
		err := call.Get(a.ctx, &resp)
		switch {
		case errors.Is(err, syscall.ENOENT):
			a.problem(fmt.Sprintf("JobID %s unknown", q.names[i]))
			continue
		case err != nil:
			a.problem("rpc: " + errorText(err))
			continue
		}
		j, err := jobinfo.Parse(resp.Job, now)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// problem prints a line about something that went wrong with part of the work.
func (a *app) problem(text string) {
	a.flush()
	fmt.Fprintln(a.err, text)
}

// parseSince reads the value of --since: a time in the past. fallback is the
// error for what cannot be read.
func parseSince(s string) (seconds float64, ok bool) {
	if f, err := strconv.ParseFloat(s, 64); err == nil && !strings.HasPrefix(s, "+") && !strings.HasPrefix(s, "-") && !math.IsNaN(f) {
		return f, true
	}
	t, err := datetime.Parse(s, time.Now())
	return float64(t.UnixNano()) / 1e9, err == nil
}

// operandIDs reads operands that name jobs, for strict commands.
func operandIDs(args []string) ([]jobid.ID, error) {
	ids := make([]jobid.ID, len(args))
	for i, arg := range args {
		var err error
		if ids[i], err = jobid.Parse(arg); err != nil {
			return nil, usageError("argument JOBID: invalid JobID value: '%s'", arg)
		}
	}
	return ids, nil
}
