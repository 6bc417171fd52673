// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"slices"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/service"
	"goflux/internal/store"
	"goflux/jobid"
)

// historyDepth is how many of a user's newest jobs are remembered for flux job
// last.
const historyDepth = 1000

// history is the newest jobs of each user.
type history struct{ byUser map[uint32][]jobid.ID }

func newHistory() *history { return &history{byUser: map[uint32][]jobid.ID{}} }

// add notes a job, oldest first.
func (h *history) add(userid uint32, id jobid.ID) {
	list := h.byUser[userid]
	if slices.Contains(list[max(0, len(list)-64):], id) {
		return
	}
	if len(list) >= 2*historyDepth {
		list = slices.Clone(list[historyDepth:])
	}
	h.byUser[userid] = append(list, id)
}

func (h *history) remove(id jobid.ID) {
	for u, list := range h.byUser {
		if i := slices.Index(list, id); i >= 0 {
			h.byUser[u] = slices.Delete(list, i, i+1)
		}
	}
}

// recentDepth is how many jobs that have ended are remembered: who acts upon a
// job too late is most often late by a little, and needs no look on the disk.
const recentDepth = 4096

// recent are the last jobs to have ended.
type recent struct {
	ring [recentDepth]jobid.ID
	next int
	set  map[jobid.ID]bool
}

func (r *recent) add(id jobid.ID) {
	if r.set == nil {
		r.set = map[jobid.ID]bool{}
	}
	delete(r.set, r.ring[r.next])
	r.ring[r.next] = id
	r.next = (r.next + 1) % recentDepth
	r.set[id] = true
}

func (r *recent) remove(id jobid.ID) { delete(r.set, id) }

// historyGet answers job-manager.history.get: a Python-like slice of the
// sender's jobs, newest first.
func (s *jobs) historyGet(c *service.Call, req *struct {
	Slice string `json:"slice"`
}) (any, error) {
	list := slices.Clone(s.history.byUser[c.Cred().UserID])
	for j := range s.m.Jobs {
		if j.UserID == c.Cred().UserID && !slices.Contains(list, j.ID) {
			list = append(list, j.ID)
		}
	}
	slices.Sort(list)
	slices.Reverse(list)
	picked, err := slice(list, req.Slice)
	if err != nil {
		return nil, err
	}
	return map[string]any{"jobs": picked}, nil
}

// noInfo has the store leave out what it would have to unpack.
func noInfo(*store.FinishedJob) bool { return true }

// loadHistory fills in the jobs that had ended before a restart.
func (s *jobs) loadHistory() error {
	var rows []*store.FinishedJob
	err := s.store.FinishedJobs(store.JobQuery{Known: noInfo}, func(f *store.FinishedJob) bool {
		rows = append(rows, f)
		return len(rows) < historyDepth
	})
	for _, f := range slices.Backward(rows) {
		s.history.add(f.UserID, jobid.ID(f.ID))
		s.recent.add(jobid.ID(f.ID))
	}
	return err
}

var errSlice = message.Errorf(syscall.EINVAL, "failed to parse slice")
