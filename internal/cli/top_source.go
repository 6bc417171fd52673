// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/flux"
	"goflux/idset"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/cli/top"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/rset"
)

// topSource is an instance that flux top looks at.
type topSource struct {
	*app
	h *flux.Client
}

// Close implements top.Source.
func (s *topSource) Close() { _ = s.h.Close() }

// Open implements top.Source.
func (s *topSource) Open(j top.Job) (top.Source, error) {
	h, err := s.openTop(j.URI)
	if err != nil {
		return nil, err
	}
	return &topSource{s.app, h}, nil
}

// Snapshot implements top.Source.
func (s *topSource) Snapshot(queue string) (*top.Snapshot, error) {
	v := &top.Snapshot{Queue: queue}
	queues, err := s.queues()
	if err != nil {
		return nil, err
	}
	for _, q := range queues {
		v.Queues = append(v.Queues, q.name)
	}
	if _, ok := queues.find(queue); queue != "" && !ok {
		return nil, fail("queue %s not configured", queue)
	}
	if err := s.resources(v, queues); err != nil {
		return nil, err
	}
	if err := s.statistics(v); err != nil {
		return nil, err
	}
	s.attributes(v)
	return v, s.jobs(v)
}

func (s *topSource) queues() (queueConfigs, error) {
	call, err := s.h.Go("config.get", flux.NodeAny, nil)
	if err != nil {
		return nil, err
	}
	m, err := call.Message(s.ctx)
	if err != nil {
		return nil, fail("config.get: %v", err)
	}
	return parseQueues(m.JSON())
}

// resources counts what there is; nothing while that is not known.
func (s *topSource) resources(v *top.Snapshot, queues queueConfigs) error {
	status, err := s.schedStatus(s.h)
	if err != nil {
		return nil
	}
	all := status.All
	if all == nil {
		all = rset.New()
	}
	var limit *idset.Set
	if v.Queue != "" {
		if limit, err = queues.ranks(all, []string{v.Queue}); err != nil {
			return err
		}
	}
	states := newSchedResources(status, limit)
	count := func(of func(*rset.R) int64) top.Count {
		return top.Count{Used: of(states.in("allocated")), Down: of(states.in("down")), Total: of(states.in("all"))}
	}
	v.Nodes = count(func(r *rset.R) int64 { return int64(r.NNodes()) })
	v.Cores = count((*rset.R).NCores)
	v.GPUs = count((*rset.R).NGPUs)
	if all.Expiration > 0 {
		v.TimeLeft = all.Expiration - float64(time.Now().UnixMilli())/1000
	}
	return nil
}

// statistics counts jobs; those who may not know are shown none.
func (s *topSource) statistics(v *top.Snapshot) error {
	var queues []string
	if v.Queue != "" {
		queues = []string{v.Queue}
	}
	stats, err := s.jobStatistics(s.h, queues)
	if errors.Is(err, syscall.EPERM) {
		return nil
	}
	if err != nil {
		return err
	}
	v.Pending, v.Running = stats.Pending(), stats.Running()
	v.Complete, v.Failed = stats.Successful, stats.Unsuccessful()
	return nil
}

func (s *topSource) attributes(v *top.Snapshot) {
	get := func(name string) string {
		text, err := s.h.Attr(s.ctx, name)
		if err != nil {
			return ""
		}
		return text
	}
	v.Size, _ = strconv.Atoi(get("size"))
	v.Depth, _ = strconv.Atoi(get("instance-level"))
	v.Version = get("version")
	v.Title = strings.TrimPrefix(get("jobid-path"), "/")
	if start, err := strconv.ParseFloat(get("broker.starttime"), 64); err == nil {
		v.Elapsed = float64(time.Now().UnixMilli())/1000 - start
	}
	owner := get("security.owner")
	v.HideResults = owner != strconv.Itoa(os.Getuid())
}

// maxTopJobs bounds the running jobs that are asked for: no screen has room for
// more.
const maxTopJobs = 1000

func (s *topSource) jobs(v *top.Snapshot) error {
	running := []any{map[string]any{"states": []string{"running"}}}
	if v.Queue != "" {
		running = append(running, map[string]any{"queue": []string{v.Queue}})
	}
	c, err := message.Marshal(map[string]any{"and": running})
	if err != nil {
		return err
	}
	now := time.Now()
	req := rpc.JobList{MaxEntries: maxTopJobs, Constraint: c, Attrs: []string{
		"userid", "state", "name", "queue", "ntasks", "nnodes", "t_run", "t_cleanup", "annotations",
	}}
	return listJobs(s.app, s.h, req, func(raw jsontext.Value) {
		j, err := jobinfo.Parse(raw, now)
		if err != nil || j.NTasks == nil || j.NNodes == nil || j.TRun == 0 {
			return // it has ended without having run
		}
		_, state := j.StateName()
		v.Jobs = append(v.Jobs, top.Job{
			ID: f58(j.ID), Name: j.Name, Queue: j.Queue, User: userName(int(j.UserID)), State: state,
			NTasks: *j.NTasks, NNodes: *j.NNodes, Runtime: float64(now.UnixMilli())/1000 - j.TRun,
			URI: j.URI(), Mine: j.UserID == uint32(os.Getuid()),
		})
	})
}
