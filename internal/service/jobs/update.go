// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/core/job"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// update changes a job after its submission: of the attributes the duration,
// the name and the queue may be changed.
func (s *jobs) update(c *service.Call, req *rpc.JobUpdate) {
	j, err := s.theirs(c, req.ID, syscall.ENOENT, "unknown job id", "guests may only update their own jobs")
	if err == nil {
		err = checkUpdates(c, j, req.Updates)
	}
	if err != nil {
		c.Fail(err)
		return
	}
	ctx, err := message.Marshal(req.Updates)
	if err == nil {
		err = s.m.Event(s.now(), j, "jobspec-update", ctx)
	}
	if err != nil {
		c.Fail(message.Errorf(syscall.EINVAL, "%v", err))
		return
	}
	s.reply(c, nil)
}

func checkUpdates(c *service.Call, j *job.Job, updates map[string]jsontext.Value) error {
	if len(updates) == 0 {
		return message.Errorf(syscall.EPROTO, "no updates given")
	}
	for path, v := range updates {
		if !strings.HasPrefix(path, "attributes.") {
			return message.Errorf(syscall.EINVAL, "update of %s not supported", path)
		}
		if j.Allocated {
			return message.Errorf(syscall.EINVAL, "update of %s for running job not supported", path)
		}
		switch path {
		case "attributes.system.duration":
			var d float64
			if message.Unmarshal(v, &d) != nil || d < 0 {
				return message.Errorf(syscall.EINVAL, "invalid duration value")
			}
			if !c.Cred().IsOwner() && d > j.Jobspec.Duration() && j.Jobspec.Duration() != 0 {
				return message.Errorf(syscall.EPERM, "job duration can only be increased by the instance owner")
			}
		case "attributes.system.job.name", "attributes.system.queue":
			var name string
			if message.Unmarshal(v, &name) != nil {
				return message.Errorf(syscall.EINVAL, "%s must be a string", path)
			}
		default:
			return message.Errorf(syscall.EINVAL, "update of %s not supported", path)
		}
	}
	return nil
}
