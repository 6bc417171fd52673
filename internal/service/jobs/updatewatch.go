// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"bytes"
	"fmt"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/eventlog"
	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
)

// updateWatch is a watcher of R or jobspec, with what it was sent last.
type updateWatch struct {
	id   jobid.ID
	key  string
	last jsontext.Value
}

func (w *updateWatch) about() jobid.ID { return w.id }

func checkUpdate(req *rpc.JobInfoUpdate) error {
	if req.Flags != 0 {
		return message.Errorf(syscall.EPROTO, "update-watch request rejected with invalid flag")
	}
	if req.Key != "R" && req.Key != "jobspec" {
		return message.Errorf(syscall.EINVAL, "update-watch unsupported key specified")
	}
	return nil
}

func (s *jobs) updateLookup(c *service.Call, req *rpc.JobInfoUpdate) {
	if err := checkUpdate(req); err != nil {
		c.Fail(err)
		return
	}
	s.lookup(c, &rpc.JobInfoLookup{ID: req.ID, Keys: []string{req.Key}, Flags: lookupDecode | lookupCurrent})
}

func (s *jobs) updateWatch(c *service.Call, req *rpc.JobInfoUpdate) {
	err := checkUpdate(req)
	if err == nil && !c.Streaming() {
		err = message.Errorf(syscall.EPROTO, "update-watch request rejected without streaming RPC flag")
	}
	if err != nil {
		c.Fail(err)
		return
	}
	s.after(func() {
		j, err := s.seen(c, req.ID)
		if err != nil {
			c.Fail(err)
			return
		}
		s.amended(j, func(now *job.Job) {
			b, err := s.updateDocument(now, req.Key)
			if err != nil {
				c.Fail(err)
				return
			}
			c.Respond(map[string]any{req.Key: b})
			if s.m.Job(req.ID) == nil {
				c.End()
				return
			}
			s.updates.add(c, &updateWatch{req.ID, req.Key, b})
		})
	})
}

// refresh sends the watchers of a job what has changed for them, of one key or,
// when it is "", of any.
func (s *jobs) refresh(j *job.Job, key string) {
	if len(s.updates.byJob[j.ID]) == 0 {
		return
	}
	s.amended(j, func(now *job.Job) {
		for _, st := range s.updates.byJob[j.ID] {
			if key == "" || key == st.State.key {
				s.sendUpdate(st, now)
			}
		}
	})
}

// sendUpdate sends a watcher its document, unless it is the one it has.
func (s *jobs) sendUpdate(st *service.Stream[*updateWatch], j *job.Job) {
	b, err := s.updateDocument(j, st.State.key)
	switch {
	case err != nil:
		s.updates.finish(st, err)
	case !bytes.Equal(b, st.State.last):
		st.State.last = b
		st.Respond(map[string]any{st.State.key: b})
	}
}

// updated tells the watchers of what an event has changed.
func (s *jobs) updated(j *job.Job, e eventlog.Entry) {
	if len(s.updates.byJob[j.ID]) == 0 {
		return
	}
	switch e.Name {
	case "jobspec-update":
		s.refresh(j, "jobspec")
	case "resource-update":
		s.refresh(j, "R")
	case "clean":
		s.amended(j, func(*job.Job) { // after what is still on its way
			for _, st := range s.updates.byJob[j.ID] {
				s.updates.finish(st, nil)
			}
		})
	}
}

// updateDocument is R or the jobspec of a job as it is now.
func (s *jobs) updateDocument(j *job.Job, key string) (jsontext.Value, error) {
	v, err := s.document(j, key, lookupDecode|lookupCurrent)
	if err != nil {
		return nil, fmt.Errorf("update of %s: %w", key, err)
	}
	return v.(jsontext.Value), nil
}

func (s *jobs) updateWatchCancel(c *service.Call, req *rpc.Matchtag) {
	if st := s.updates.streams.Find(c.Msg.Sender(), req.Matchtag); st != nil {
		s.updates.finish(st, nil)
	}
}
