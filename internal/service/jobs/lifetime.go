// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"fmt"
	"syscall"
	"time"

	"goflux/fsd"
	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/rset"
	"goflux/treeobj"
)

// An instance that is itself a job ends when that job does. When, stands in
// resource.R; when that changes, the jobs whose end it set end with it anew.

// A KVS that is not there is asked for again, after these times at first and at
// most: it comes soon when the instance starts, or is missed by nobody.
const (
	lifetimeRetry    = 20 * time.Millisecond
	lifetimeRetryMax = 5 * time.Second
)

// watchLifetime follows resource.R; where there is no KVS it tries again after
// retry.
func (s *jobs) watchLifetime(retry time.Duration) {
	s.h.Request(service.Request{
		Topic: "kvs-watch.lookup", NodeID: message.NodeAny, Flags: message.FlagStreaming,
		Payload: &rpc.KVSLookup{Key: "resource.R", Namespace: "primary", Flags: kvsWatch | kvsWaitCreate},
	}, func(m *message.Message) {
		if err := m.Err(); err != nil {
			s.h.After(retry, func() { s.watchLifetime(min(2*retry, lifetimeRetryMax)) })
			return
		}
		var v rpc.KVSValue
		if m.Decode(&v) != nil {
			return
		}
		if val, ok := v.Val.Object.(treeobj.Val); ok {
			s.newResources(val.Data)
		}
	})
}

func (s *jobs) newResources(raw []byte) {
	r, err := rset.Parse(raw)
	if err != nil {
		s.h.Log().Error("reading resource.R", "err", err)
		return
	}
	old, known := s.lifetime, s.lifetimeKnown
	s.lifetime, s.lifetimeKnown = r.Expiration, true
	if known && old == r.Expiration || !known && r.Expiration == 0 {
		return
	}
	s.h.Log().Debug(fmt.Sprintf("duration-validator: updated expiration to %.2f", r.Expiration))
	if !known {
		return
	}
	s.h.Log().Info(fmt.Sprintf("resource expiration updated from %.2f to %.2f (%s)", old, r.Expiration, moved(old, r.Expiration)))
	for j := range s.m.Jobs {
		if j.State == job.Run && j.Facts().Duration == 0 && j.R != nil {
			s.endAnew(j)
		}
	}
}

// endAnew gives a job without a duration of its own the instance's end.
func (s *jobs) endAnew(j *job.Job) {
	r, err := rset.Parse(j.R)
	if err != nil {
		return
	}
	old := r.Expiration
	if j.Expiration != nil {
		old = *j.Expiration
	}
	s.h.Log().Info(fmt.Sprintf("updated expiration of %s from %.2f to %.2f (%s)", idText(j.ID), old, s.lifetime, moved(old, s.lifetime)))
	s.m.Expire(s.now(), j, s.lifetime)
}

// moved says by how much an end comes later; no end is 0.
func moved(from, to float64) string {
	switch {
	case from == 0:
		return "-inf"
	case to == 0:
		return "+inf"
	}
	return fmt.Sprintf("%+.6g", to-from)
}

// withinLifetime refuses a job that would outlive the instance. EINVAL.
func (s *jobs) withinLifetime(duration float64) error {
	left := s.lifetime - s.now()
	if s.lifetime == 0 || duration <= left {
		return nil
	}
	return message.Errorf(syscall.EINVAL, "job duration (%s) exceeds remaining instance lifetime (%s)",
		fsd.Format(duration), fsd.Format(max(left, 0)))
}
