// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"slices"
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/store"
	"goflux/jobid"
)

// This file forgets jobs that have ended.

// purgeBatch bounds how many rows go in one commit.
const purgeBatch = 1000

// ageInterval is how often records are aged out under limits of the
// configuration. Cheap: an index finds what there is to do.
const ageInterval = 2 * time.Second

// purge deletes the records of jobs that ended long ago or are too many.
func (s *jobs) purge(c *service.Call, req *rpc.JobPurge) {
	var err error
	switch {
	case req.AgeLimit < 0 && req.AgeLimit != -1:
		err = message.Errorf(syscall.EINVAL, "age limit must be >= 0")
	case req.NumLimit < 0 && req.NumLimit != -1:
		err = message.Errorf(syscall.EINVAL, "num limit must be >= 0")
	case req.Batch < 1 || req.Batch > purgeBatch:
		err = message.Errorf(syscall.EINVAL, "batch must be >= 1 and <= %d", purgeBatch)
	}
	if err != nil {
		c.Fail(err)
		return
	}
	age := time.Duration(-1)
	if req.AgeLimit >= 0 {
		age = time.Duration(req.AgeLimit * float64(time.Second))
	}
	limit := req.Batch
	if !req.Force {
		limit = 1 << 30 // how many there are in all
	}
	s.after(func() { // what has just ended counts, too
		old, err := s.agedOut(age, req.NumLimit, limit)
		if err != nil {
			c.Fail(err)
			return
		}
		if req.Force {
			s.drop(old)
		}
		s.reply(c, rpc.Count{Count: len(old)})
	})
}

// agedOut returns up to limit jobs that ended longer ago than age, or are not
// among the newest keep; -1 means no such limit. Those that are going already are
// left out.
func (s *jobs) agedOut(age time.Duration, keep, limit int) ([]store.AgedJob, error) {
	if age < 0 && keep < 0 {
		return nil, nil
	}
	before := 0.0
	if age >= 0 {
		before = s.now() - age.Seconds()
	}
	old, err := s.store.AgedJobs(before, int64(keep), limit)
	return slices.DeleteFunc(old, func(a store.AgedJob) bool { return s.purging[a.ID] }), err
}

// ageSoon is how soon they are when there may be more: some 10,000 jobs a second
// leave, more than come.
const ageSoon = 100 * time.Millisecond

// ageOut applies the limits of the configuration, now and from time to time.
func (s *jobs) ageOut() { s.ageOutIn(ageSoon) }

func (s *jobs) ageOutIn(wait time.Duration) {
	if s.ageing != nil {
		s.ageing.Stop()
		s.ageing = nil
	}
	if s.set.ageLimit < 0 && s.set.numLimit < 0 {
		return
	}
	s.ageing = s.h.After(wait, func() {
		old, err := s.agedOut(s.set.ageLimit, s.set.numLimit, purgeBatch)
		if err != nil {
			s.h.Log().Error("ageing out jobs", "err", err)
		}
		if len(old) > 0 {
			s.drop(old)
			s.h.Log().Debug("purged inactive jobs", "count", len(old))
		}
		if len(old) == purgeBatch {
			s.ageOutIn(ageSoon)
		} else {
			s.ageOutIn(ageInterval)
		}
	})
}

// drop forgets jobs that have ended.
func (s *jobs) drop(old []store.AgedJob) {
	for part := range slices.Chunk(old, purgeBatch) {
		ids := make([]uint64, len(part))
		for i, a := range part {
			ids[i] = a.ID
			delete(s.zombies, jobid.ID(a.ID))
			s.history.remove(jobid.ID(a.ID))
			s.recent.remove(jobid.ID(a.ID))
			s.stats.forget(a)
			s.purging[a.ID] = true
		}
		s.batch.PurgeJobs(ids...)
	}
	s.statsMoved()
	s.after(func() {
		for _, a := range old {
			delete(s.purging, a.ID)
		}
	})
}

// purgeID deletes the record of one job, if force says so.
func (s *jobs) purgeID(c *service.Call, req *rpc.JobPurgeID) {
	s.after(func() {
		if s.m.Job(req.ID) != nil {
			c.Fail(message.Errorf(syscall.EINVAL, "cannot purge active job"))
			return
		}
		j, err := s.finished(req.ID)
		if err != nil {
			c.Fail(message.Errorf(syscall.ENOENT, "id not found"))
			return
		}
		if err := c.Cred().Authorize(j.UserID); err != nil {
			c.Fail(err)
			return
		}
		if req.Force != 0 && !s.purging[uint64(req.ID)] {
			s.drop([]store.AgedJob{{ID: uint64(req.ID), Result: int(j.Result()), Queue: j.Facts().Queue}})
		}
		s.reply(c, rpc.Count{Count: 1})
	})
}
