// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"errors"
	"maps"
	"slices"
	"syscall"

	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
)

// A listing is never behind the jobs. Programs that are to cope with one that
// is, as flux-core's may be, can try that: after job-list.job-state-pause all
// that asks for a job by its id waits until job-list.job-state-unpause.

func (s *jobs) listPause(*service.Call, *rpc.Empty) (any, error) {
	s.listPaused = true
	return nil, nil
}

func (s *jobs) listResume(*service.Call, *rpc.Empty) (any, error) {
	s.listPaused = false
	for _, id := range slices.Sorted(maps.Keys(s.pending)) {
		s.after(func() { s.released(id) })
	}
	return nil, nil
}

// released answers what was held back for a job, unless it is to wait for a
// state that the job has yet to reach.
func (s *jobs) released(id jobid.ID) {
	j, err := s.find(id)
	if err == nil {
		s.reached(j)
		return
	}
	if !errors.Is(err, syscall.ENOENT) {
		s.h.Log().Error("looking for a job that was asked for", "jobid", id, "err", err)
	}
	for _, c := range s.pending[id] {
		c.Fail(err)
	}
	delete(s.pending, id)
}
