// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"os"
	"strconv"
	"syscall"
	"time"

	"goflux/hostlist"
	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/sign"
	"goflux/internal/store"
	"goflux/internal/sys/locale"
	"goflux/jobid"
	"goflux/jobspec"
	"goflux/rset"
)

// ingestMethods is the authorisation table of job-ingest.
var ingestMethods = []service.Method{
	service.Deferred("job-ingest.submit", service.Guests, (*jobs).submit),
	service.Unary("job-ingest.getinfo", service.Owner, (*jobs).getInfo),
	service.Unary("job-ingest.stats-get", service.Guests, (*jobs).ingestStats),
}

func ownerOf(h service.Host) uint32 {
	if v, ok := h.Attr("security.owner"); ok {
		if n, err := strconv.ParseUint(v, 10, 32); err == nil {
			return uint32(n)
		}
	}
	return uint32(os.Getuid())
}

// submission is a job request on its way in.
type submission struct {
	cred    message.Cred
	urgency int
	flags   job.Flag
	job     *job.Job
}

// submit takes a job in: what is answered with its id is durable.
func (s *jobs) submit(c *service.Call, req *rpc.JobSubmit) {
	sub, err := s.unwrap(c.Cred(), req)
	if err == nil {
		err = s.refine(sub)
	}
	if err == nil {
		err = s.store.Room()
	}
	if err != nil {
		c.Fail(err)
		return
	}
	if !s.asksFeasibility(sub) {
		s.take(c, sub)
		return
	}
	s.feasible(sub.job.Jobspec, func(err error) {
		if err != nil {
			s.validated.errors++
			c.Fail(err)
			return
		}
		s.take(c, sub)
	})
}

// take makes a job of a request that has passed.
func (s *jobs) take(c *service.Call, sub *submission) {
	j := sub.job
	as, err := s.accept(j, sub)
	if err != nil {
		c.Fail(err)
		return
	}
	now := s.now()
	j.ID = s.nextID()
	s.records[j.ID] = &record{}
	if sub.flags&job.FlagWaitable != 0 {
		s.zombies[j.ID] = &zombie{}
	}
	s.m.Add(now, j, as)
	s.armBegin()
	s.batch.SetMeta(store.MetaMaxJobID, []byte(j.ID.Dec()))
	s.reply(c, rpc.JobID{ID: j.ID})
}

// unwrap checks who submits what, and makes the job of it.
func (s *jobs) unwrap(cred message.Cred, req *rpc.JobSubmit) (*submission, error) {
	sub := &submission{cred: cred, urgency: req.Urgency, flags: job.Flag(req.Flags)}
	if !cred.IsOwner() && sub.flags&(job.FlagWaitable|job.FlagNoValidate) != 0 {
		return nil, message.Errorf(syscall.EINVAL, "only the instance owner can submit with FLUX_JOB_WAITABLE or FLUX_JOB_NOVALIDATE")
	}
	if sub.flags&^(job.FlagDebug|job.FlagWaitable|job.FlagNoValidate|job.FlagSigned) != 0 {
		return nil, syscall.EPROTO
	}
	if req.Urgency < job.UrgencyMin || req.Urgency > job.UrgencyMax {
		return nil, message.Errorf(syscall.EINVAL, "invalid urgency %d", req.Urgency)
	}
	if !cred.IsOwner() && req.Urgency > job.UrgencyDefault {
		return nil, message.Errorf(syscall.EINVAL, "only the instance owner can submit with urgency >%d", job.UrgencyDefault)
	}
	if len(req.J) > s.pipeline.MaxRequest {
		return nil, message.Errorf(syscall.EMSGSIZE, "job request of %d bytes exceeds buffer-size %s", len(req.J), s.pipeline.BufferSize)
	}
	signed, err := sign.Unwrap(req.J)
	if err != nil {
		return nil, err
	}
	if signed.UserID != cred.UserID {
		return nil, message.Errorf(syscall.EPERM, "signer=%d != requestor=%d", signed.UserID, cred.UserID)
	}
	if signed.Mechanism != "none" {
		return nil, message.Errorf(syscall.EINVAL, "signing mechanism %s is not supported", signed.Mechanism)
	}
	if !cred.IsOwner() {
		return nil, message.Errorf(syscall.EPERM, "only instance owner can use mech=none: it does not prove who signed the job request")
	}
	spec, err := jobspec.Parse(signed.Payload)
	if err != nil {
		return nil, message.Errorf(syscall.EINVAL, "%v", err)
	}
	sub.job = &job.Job{J: req.J, Request: signed.Payload, Jobspec: spec}
	return sub, nil
}

// refine fills a request in and judges it, as far as that takes no question to
// anybody.
func (s *jobs) refine(sub *submission) error {
	p := s.pipeline
	if !p.Fill.Off {
		s.filled.requests++
		spec := sub.job.Jobspec.Clone()
		if err := p.Frobnicate(spec, s.set.policy); err != nil {
			s.filled.errors++
			return err
		}
		b, err := message.Marshal(spec)
		if err != nil {
			return err
		}
		sub.job.Jobspec, sub.job.Request = spec, b
	}
	if p.Check.Off || sub.flags&job.FlagNoValidate != 0 {
		return nil
	}
	s.validated.requests++
	if err := p.Validate(sub.job.Jobspec, s.hosts); err != nil {
		s.validated.errors++
		return err
	}
	return nil
}

func (s *jobs) asksFeasibility(sub *submission) bool {
	p := s.pipeline
	return !p.Check.Off && sub.flags&job.FlagNoValidate == 0 && p.AsksFeasibility()
}

// feasible asks the scheduler whether a job could ever run. Without a
// scheduler that can tell, it could.
func (s *jobs) feasible(spec *jobspec.Jobspec, fn func(error)) {
	s.h.Request(service.Request{
		Topic: "feasibility.check", NodeID: message.NodeAny, Payload: &rpc.FeasibilityCheck{Jobspec: spec},
	}, func(m *message.Message) {
		err := m.Err()
		if message.Errno(err) == syscall.ENOSYS {
			err = nil
		}
		fn(err)
	})
}

// hosts are the instance's hosts, nil when they are not known.
func (s *jobs) hosts() *hostlist.List {
	text, ok := s.h.Attr("hostlist")
	if !ok {
		return nil
	}
	l, err := hostlist.Parse(text)
	if err != nil {
		return nil
	}
	return l
}

// accept holds a job to the queue it is for and to the site's limits, and
// returns how it is to be added.
func (s *jobs) accept(j *job.Job, sub *submission) (*job.Submission, error) {
	if err := s.checkQueue(j.Facts().Queue); err != nil {
		return nil, err
	}
	if err := s.checkLimits(j.Facts()); err != nil {
		return nil, err
	}
	as := &job.Submission{
		UserID: sub.cred.UserID, Urgency: sub.urgency, Flags: sub.flags,
		Hold: s.plugged(pluginSubmitHold), HeldBy: s.owner,
	}
	var err error
	if as.Bypass, err = s.bypasses(j.Jobspec, sub.cred); err != nil {
		return nil, err
	}
	as.Dependencies, err = s.dependencies(j.Jobspec, sub.cred.UserID)
	return as, err
}

// bypasses reports whether a job brings its resources along, as the owner may
// when the plugin for it is loaded.
func (s *jobs) bypasses(spec *jobspec.Jobspec, cred message.Cred) (bool, error) {
	raw := spec.Attr(job.BypassAttr)
	if raw == nil || !s.plugged(pluginAllocBypass) {
		return false, nil
	}
	if cred.UserID != s.owner {
		return false, message.Errorf(syscall.EPERM, "Guest user cannot use alloc bypass")
	}
	if _, err := rset.Parse(raw); err != nil {
		return false, message.Errorf(syscall.EINVAL, "alloc-bypass: invalid R: %v", err)
	}
	return true, nil
}

// checkLimits applies the plugins that judge a job's size and duration.
func (s *jobs) checkLimits(f *job.Facts) error {
	if s.plugged(pluginLimitSize) && s.set.policy.SizeLimited(f.Queue) {
		if !f.Counted {
			return message.Errorf(syscall.EINVAL, "limit-job-size: the job's size cannot be determined")
		}
		if err := s.set.policy.Size(f.Queue, f.Counts); err != nil {
			return err
		}
	}
	if s.plugged(pluginLimitDuration) {
		if err := s.set.policy.Duration(f.Queue, f.Duration); err != nil {
			return err
		}
	}
	if s.plugged(pluginValidateDuration) {
		return s.withinLifetime(f.Duration)
	}
	return nil
}

// dependencies are those of a jobspec whose plugins are there.
func (s *jobs) dependencies(spec *jobspec.Jobspec, userid uint32) ([]job.Dependency, error) {
	deps, err := job.ParseDependencies(spec, userid, s.find)
	if err != nil {
		return nil, err
	}
	for _, d := range deps {
		plugin := pluginAfter
		switch d.Scheme {
		case "begin-time":
			plugin = pluginBeginTime
		case "singleton":
			plugin = pluginSingleton
		}
		if !s.plugged(plugin) {
			return nil, job.ErrScheme(d.Scheme)
		}
	}
	return deps, nil
}

// checkQueue refuses a queue that is not there or takes no jobs.
func (s *jobs) checkQueue(name string) error {
	q, err := s.m.Queues().Lookup(name)
	if err != nil {
		return err
	}
	if !q.Enabled {
		text := "job submission is disabled"
		if name != "" {
			text = "job submission to " + name + " is disabled"
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
	ms := s.base + uint64(s.h.Now().Sub(s.begin).Milliseconds())
	for {
		id, ok := s.ids.Next(ms)
		if ok {
			s.maxID = max(s.maxID, id)
			return id
		}
		ms++ // this millisecond's are used up: borrow from the next
	}
}

// counted is what a stage of the pipeline has seen.
type counted struct{ requests, errors int }

func (n counted) stats() map[string]any {
	// All is done on the service's loop: no workers, nothing waits.
	return map[string]any{
		"running": 0, "requests": n.requests, "errors": n.errors, "trash": 0, "backlog": 0, "pids": []int{},
	}
}

func (s *jobs) ingestStats(*service.Call, *rpc.Empty) (any, error) {
	return map[string]any{
		"pipeline": map[string]any{"frobnicator": s.filled.stats(), "validator": s.validated.stats()},
	}, nil
}

func (s *jobs) getInfo(c *service.Call, _ *rpc.Empty) (any, error) {
	if err := s.public(c); err != nil {
		return nil, err
	}
	return map[string]any{"max_jobid": s.maxID, "timestamp": s.maxID.Timestamp()}, nil
}

// idText is how people write a job id in an error.
func idText(id jobid.ID) string { return locale.JobID(id) }
