// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"syscall"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
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
		ids, err := s.agedOut(age, req.NumLimit, limit)
		if err != nil {
			c.Fail(err)
			return
		}
		if req.Force {
			s.drop(ids)
		}
		s.reply(c, rpc.Count{Count: len(ids)})
	})
}

// agedOut returns up to limit jobs that ended longer ago than age, or are not
// among the newest keep; -1 means no such limit.
func (s *jobs) agedOut(age time.Duration, keep, limit int) ([]uint64, error) {
	if age < 0 && keep < 0 {
		return nil, nil
	}
	before := 0.0
	if age >= 0 {
		before = s.now() - age.Seconds()
	}
	return s.store.AgedOut(before, int64(keep), limit)
}

// ageOut applies the limits of the configuration, now and from time to time.
func (s *jobs) ageOut() {
	if s.ageing != nil {
		s.ageing.Stop()
		s.ageing = nil
	}
	if s.set.ageLimit < 0 && s.set.numLimit < 0 {
		return
	}
	s.ageing = s.h.After(ageInterval, func() {
		ids, err := s.agedOut(s.set.ageLimit, s.set.numLimit, purgeBatch)
		if err != nil {
			s.h.Log().Error("ageing out jobs", "err", err)
		}
		if len(ids) > 0 {
			s.drop(ids)
			s.h.Log().Debug("purged inactive jobs", "count", len(ids))
		}
		s.ageOut()
	})
}

func (s *jobs) drop(ids []uint64) {
	for len(ids) > 0 {
		n := min(len(ids), purgeBatch)
		s.batch.PurgeJobs(ids[:n]...)
		for _, id := range ids[:n] {
			delete(s.zombies, jobid.ID(id))
			s.history.remove(jobid.ID(id))
		}
		s.stats.purged += n
		ids = ids[n:]
	}
	s.after(func() {
		if err := s.stats.load(s.store); err != nil {
			s.h.Log().Error("job statistics", "err", err)
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
		if req.Force != 0 {
			s.drop([]uint64{uint64(req.ID)})
		}
		s.reply(c, rpc.Count{Count: 1})
	})
}
