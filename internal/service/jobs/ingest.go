// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/sign"
	"goflux/jobid"
	"goflux/jobspec"
)

// ingestMethods is the authorisation table of job-ingest.
var ingestMethods = []service.Method{
	service.Deferred("job-ingest.submit", service.Guests, (*jobs).submit),
	service.Unary("job-ingest.getinfo", service.Owner, (*jobs).getInfo),
}

func ownerOf(h service.Host) uint32 {
	if v, ok := h.Attr("security.owner"); ok {
		if n, err := strconv.ParseUint(v, 10, 32); err == nil {
			return uint32(n)
		}
	}
	return uint32(os.Getuid())
}

// submit takes a job in: what is answered with its id is durable.
func (s *jobs) submit(c *service.Call, req *rpc.JobSubmit) {
	j, deps, err := s.admit(c.Cred(), req)
	if err != nil {
		c.Fail(err)
		return
	}
	now := s.now()
	s.records[j.ID] = &record{}
	if job.Flag(req.Flags)&job.FlagWaitable != 0 {
		s.zombies[j.ID] = &zombie{}
	}
	s.m.Add(now, j, c.Cred().UserID, req.Urgency, job.Flag(req.Flags), deps)
	s.armBegin()
	s.batch.SetMeta(metaMaxID, []byte(j.ID.Dec()))
	s.reply(c, rpc.JobID{ID: j.ID})
}

// metaMaxID is the store's key of the largest job id given out.
const metaMaxID = "job-manager.max-jobid"

// admit checks a submission and makes the job of it.
func (s *jobs) admit(cred message.Cred, req *rpc.JobSubmit) (*job.Job, []job.Dependency, error) {
	flags := job.Flag(req.Flags)
	if !cred.IsOwner() && flags&(job.FlagWaitable|job.FlagNoValidate) != 0 {
		return nil, nil, message.Errorf(syscall.EINVAL, "only the instance owner can submit with FLUX_JOB_WAITABLE or FLUX_JOB_NOVALIDATE")
	}
	if flags&^(job.FlagDebug|job.FlagWaitable|job.FlagNoValidate|job.FlagSigned) != 0 {
		return nil, nil, syscall.EPROTO
	}
	if req.Urgency < job.UrgencyMin || req.Urgency > job.UrgencyMax {
		return nil, nil, message.Errorf(syscall.EINVAL, "invalid urgency %d", req.Urgency)
	}
	if !cred.IsOwner() && req.Urgency > job.UrgencyDefault {
		return nil, nil, message.Errorf(syscall.EINVAL, "only the instance owner can submit with urgency >%d", job.UrgencyDefault)
	}
	signed, err := sign.Unwrap(req.J)
	if err != nil {
		return nil, nil, err
	}
	if signed.UserID != cred.UserID {
		return nil, nil, message.Errorf(syscall.EPERM, "signer=%d != requestor=%d", signed.UserID, cred.UserID)
	}
	if signed.Mechanism != "none" {
		return nil, nil, message.Errorf(syscall.EINVAL, "signing mechanism %s is not supported", signed.Mechanism)
	}
	if !cred.IsOwner() {
		return nil, nil, message.Errorf(syscall.EPERM, "guest jobs need a signed request: mechanism none does not prove who signed it")
	}
	spec, err := jobspec.Parse(signed.Payload)
	if err != nil {
		return nil, nil, message.Errorf(syscall.EINVAL, "%v", err)
	}
	if flags&job.FlagNoValidate == 0 {
		if err := spec.Validate(jobspec.V1); err != nil {
			return nil, nil, message.Errorf(syscall.EINVAL, "%v", err)
		}
	}
	if err := s.checkQueue(spec.Queue()); err != nil {
		return nil, nil, err
	}
	deps, err := job.ParseDependencies(spec, cred.UserID, s.find)
	if err != nil {
		return nil, nil, err
	}
	return &job.Job{ID: s.nextID(), J: req.J, Request: signed.Payload, Jobspec: spec}, deps, nil
}

// checkQueue refuses a queue that is not there or takes no jobs.
func (s *jobs) checkQueue(name string) error {
	q := s.m.Queues().Get(name)
	switch {
	case q == nil && name == "":
		return message.Errorf(syscall.EINVAL, "no queue specified")
	case q == nil:
		return message.Errorf(syscall.EINVAL, "'%s' is not a valid queue", name)
	case !q.Enabled:
		text := "job submission is disabled"
		if name != "" {
			text = fmt.Sprintf("job submission to %s is disabled", name)
		}
		if q.DisableReason != "" {
			text += ": " + q.DisableReason
		}
		return message.Errorf(syscall.EINVAL, "%s", text)
	}
	return nil
}

// armBegin sets the timer for the next begin-time of a job.
func (s *jobs) armBegin() {
	at, ok := s.m.NextBegin()
	if s.begins != nil {
		s.begins.Stop()
		s.begins = nil
	}
	if !ok {
		return
	}
	left := time.Duration((at - s.now()) * float64(time.Second))
	s.begins = s.h.After(max(left, 0), func() {
		s.m.Tick(s.now())
		s.armBegin()
	})
}

// nextID makes a job id (RFC 19) from the time since the first start of the
// instance, never one that was given out before.
func (s *jobs) nextID() jobid.ID {
	ms := s.base + uint64(time.Since(s.begin).Milliseconds())
	for {
		id, ok := s.ids.Next(ms)
		if ok {
			s.maxID = max(s.maxID, id)
			return id
		}
		ms++ // this millisecond's are used up: borrow from the next
	}
}

func (s *jobs) getInfo(*service.Call, *rpc.Empty) (any, error) {
	return map[string]any{"max_jobid": s.maxID, "timestamp": s.maxID.Timestamp()}, nil
}

// idText is how people write a job id in an error.
func idText(id jobid.ID) string { return strings.TrimSpace(id.F58()) }
