// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"maps"
	"slices"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobspec"
	"goflux/rset"
)

// Attributes that can be updated.
const (
	durationPath    = "attributes.system.duration"
	queuePath       = "attributes.system.queue"
	constraintsPath = "attributes.system.constraints"
)

// change is an update of a job on its way (flux-update(1)).
type change struct {
	call    *service.Call
	job     *job.Job
	updates map[string]jsontext.Value
	spec    *jobspec.Jobspec // as it would be
	// judged: the new request was held to the site's limits. The owner may go
	// beyond; then the job's user may update it no longer.
	judged bool
	// asks: the scheduler is to say whether the new request can ever run.
	asks bool
	// duration is the new one in seconds, if there is one.
	duration *float64
}

// update changes a job after its submission. All updates are made, or none.
func (s *jobs) update(c *service.Call, req *rpc.JobUpdate) {
	j, err := s.theirs(c, req.ID, syscall.ENOENT, "unknown job id", "guests may only update their own jobs")
	switch {
	case err != nil:
	case j.Immutable && !c.Cred().IsOwner():
		err = message.Errorf(syscall.EPERM, "job is immutable due to previous instance owner update")
	case len(req.Updates) == 0:
		err = message.Errorf(syscall.EPROTO, "no updates given")
	}
	if err != nil {
		c.Fail(err)
		return
	}
	ch := &change{call: c, job: j, updates: maps.Clone(req.Updates), spec: j.Jobspec.Clone()}
	if err := s.prepare(ch, req.Updates); err != nil {
		c.Fail(err)
		return
	}
	next := func(err error) {
		if err == nil {
			err = s.change(ch)
		}
		if err != nil {
			c.Fail(err)
			return
		}
		s.reply(c, nil)
	}
	switch {
	case ch.asks:
		s.feasible(ch.spec, next)
	case ch.duration != nil && j.State&job.Running != 0:
		s.reschedule(ch, next)
	default:
		next(nil)
	}
}

// prepare checks each update and then the request as it would be.
func (s *jobs) prepare(ch *change, asked map[string]jsontext.Value) error {
	for path, v := range asked {
		var err error
		switch {
		case path == durationPath && s.plugged(pluginUpdateDuration):
			err = s.prepareDuration(ch, v)
		case path == queuePath && s.plugged(pluginUpdateQueue):
			err = s.prepareQueue(ch, v)
		case strings.HasPrefix(path, "attributes."):
			err = message.Errorf(syscall.EINVAL, "update of %s not supported", path)
		default:
			err = message.Errorf(syscall.EINVAL, "one or more jobspec updates are invalid")
		}
		if err != nil {
			return err
		}
	}
	for path, v := range ch.updates {
		if err := ch.spec.SetAttr(path, v); err != nil {
			return message.Errorf(syscall.EINVAL, "%v", err)
		}
	}
	if !ch.judged {
		return nil
	}
	return s.checkLimits((&job.Job{Jobspec: ch.spec}).Facts())
}

func (s *jobs) prepareDuration(ch *change, v jsontext.Value) error {
	var d float64
	if err := message.Unmarshal(v, &d); err != nil {
		return message.Errorf(syscall.EINVAL, "duration is not a number")
	}
	if d < 0 {
		return message.Errorf(syscall.EINVAL, "duration must not be negative")
	}
	ch.duration = &d
	any := ch.call.Cred().IsOwner() && s.plugin(pluginUpdateDuration).flag("owner-allow-any", true)
	if !any {
		if ch.job.State&job.Running != 0 {
			return message.Errorf(syscall.EINVAL, "duration update of running job requires instance owner privileges")
		}
		ch.judged = true
	}
	return nil
}

// prepareQueue moves a job to another queue: the constraints that its queue
// brought are replaced by those of the new one.
func (s *jobs) prepareQueue(ch *change, v jsontext.Value) error {
	var name string
	if err := message.Unmarshal(v, &name); err != nil {
		return message.Errorf(syscall.EINVAL, "queue is not a string")
	}
	old := ch.job.Facts().Queue
	q, err := s.m.Queues().Lookup(name)
	switch {
	case ch.job.State&job.Running != 0:
		return message.Errorf(syscall.EINVAL, "update of queue for running job not supported")
	case old == name:
		return message.Errorf(syscall.EINVAL, "job queue is already set to %s", name)
	case err != nil:
		return err
	case !q.Enabled:
		return message.Errorf(syscall.EINVAL, "queue %s is currently disabled", name)
	}
	if !sameProperties(ch.job.Jobspec.Constraints(), s.set.policy.Requires(old)) {
		return message.Errorf(syscall.EINVAL, "unable to update queue: the job has constraints besides those of queue %s", old)
	}
	constraints := map[string]any{}
	if r := s.set.policy.Requires(name); len(r) > 0 {
		constraints["properties"] = r
	}
	raw, err := message.Marshal(constraints)
	if err != nil {
		return err
	}
	ch.updates[constraintsPath] = raw
	ch.judged, ch.asks = true, true
	return nil
}

// sameProperties reports whether a constraint asks for the properties and
// nothing else.
func sameProperties(raw jsontext.Value, properties []string) bool {
	if raw == nil || string(raw) == "{}" {
		return len(properties) == 0
	}
	if len(properties) == 0 {
		return false
	}
	var ops map[string]jsontext.Value
	var have []string
	if message.Unmarshal(raw, &ops) != nil || len(ops) != 1 || message.Unmarshal(ops["properties"], &have) != nil {
		return false
	}
	return slices.Equal(have, properties)
}

// reschedule asks the scheduler about a new time limit of a job that runs.
func (s *jobs) reschedule(ch *change, next func(error)) {
	at, err := s.expiration(ch)
	if err != nil {
		next(err)
		return
	}
	s.h.Request(service.Request{
		Topic: "sched.expiration", NodeID: message.NodeAny, Payload: rpc.SchedExpiration{ID: ch.job.ID, Expiration: at},
	}, func(m *message.Message) {
		err := m.Err()
		switch errno := message.Errno(err); {
		case errno == syscall.ENOSYS:
			err = nil
		case err != nil:
			err = message.Errorf(errno, "scheduler refused expiration update")
		}
		next(err)
	})
}

// expiration is when a job that runs ends under its new duration.
func (s *jobs) expiration(ch *change) (float64, error) {
	if *ch.duration == 0 {
		return 0, nil
	}
	r, err := rset.Parse(ch.job.R)
	if err != nil || r.StartTime <= 0 {
		return 0, message.Errorf(syscall.EINVAL, "unable to get job starttime")
	}
	at := r.StartTime + *ch.duration
	if at <= s.now() {
		return 0, message.Errorf(syscall.EINVAL, "requested duration places job expiration in the past")
	}
	return at, nil
}

// change makes the updates.
func (s *jobs) change(ch *change) error {
	j := ch.job
	if j.State == job.Inactive { // it ended while others were asked
		return message.Errorf(syscall.EINVAL, "job is inactive")
	}
	var expiration *float64
	if ch.duration != nil && j.State&job.Running != 0 {
		at, err := s.expiration(ch)
		if err != nil {
			return err
		}
		expiration = &at
	}
	cred := ch.call.Cred()
	immutable := !ch.judged && cred.IsOwner() && cred.UserID != j.UserID
	b, err := message.Marshal(ch.updates)
	if err != nil {
		return err
	}
	return s.m.Update(s.now(), j, b, expiration, immutable)
}
