// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"slices"
	"syscall"

	core "goflux/internal/core/resource"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/rset"
)

// statusCache keeps what many clients ask for and events seldom change.
type statusCache struct {
	bare *rset.R // R without the scheduler's data
	all  *rset.R // and without what cannot be scheduled
	down *rset.R // those of all that are down
}

// invalidate forgets what an event may have changed.
func (c *statusCache) invalidate(m *core.Machine, event string) {
	switch {
	case event == core.EventDefine, event == core.EventUpdate, m.Shrinks():
		*c = statusCache{}
	default:
		c.down = nil
	}
}

func withoutScheduling(r *rset.R) *rset.R {
	if r == nil || r.Scheduling == nil {
		return r
	}
	r = r.Clone()
	r.Scheduling = nil
	return r
}

// fill makes what is missing. ENOENT while R is not known.
func (c *statusCache) fill(m *core.Machine) error {
	if c.all == nil {
		all, err := m.Schedulable()
		if err != nil {
			return err
		}
		c.bare, c.all, c.down = withoutScheduling(m.R()), withoutScheduling(all), nil
	}
	if c.down == nil {
		c.down = c.all.Subset(m.Down())
	}
	return nil
}

func (l *leader) status(c *service.Call) {
	if l.m == nil || l.m.R() == nil {
		c.Fail(message.Errorf(syscall.ENOENT, "error preparing response: No such file or directory"))
		return
	}
	if err := l.cache.fill(l.m); err != nil {
		c.Fail(err)
		return
	}
	drained := map[string]rpc.ResourceDrained{}
	for ids, d := range l.m.DrainInfos() {
		drained[ids] = rpc.ResourceDrained(d)
	}
	c.Respond(rpc.ResourceStatus{
		R: l.cache.bare, Drain: drained,
		Online: l.m.Online().String(), Offline: l.m.Offline().String(),
		Exclude: l.m.Exclude().String(), Torpid: l.m.Torpid().String(),
	})
}

// schedStatus serves resource.sched-status: what there is, what is down and,
// asked of the job manager once for all who wait, what is allocated.
func (l *leader) schedStatus(c *service.Call) {
	l.statusCalls = append(l.statusCalls, c)
	if len(l.statusCalls) > 1 {
		return
	}
	l.h.Request(service.Request{Topic: "job-manager.resource-status", NodeID: 0}, func(m *message.Message) {
		waiting := l.statusCalls
		l.statusCalls = nil
		resp, err := l.prepareSchedStatus(m)
		for _, c := range waiting {
			if err != nil {
				c.Fail(err)
			} else {
				c.Respond(resp)
			}
		}
	})
}

func (l *leader) prepareSchedStatus(m *message.Message) (*rpc.SchedStatus, error) {
	if l.m == nil {
		return nil, message.Errorf(syscall.EAGAIN, "the resource service is starting")
	}
	allocated := rset.New()
	var got rpc.JobManagerResources
	err := m.Err()
	if err == nil {
		err = m.Decode(&got)
	}
	if err == nil && got.Allocated != nil {
		allocated, err = rset.Parse(got.Allocated)
	}
	if err != nil && message.Errno(err) != syscall.ENOSYS { // the job manager may not be loaded yet
		return nil, message.Errorf(syscall.EINVAL, "job-manager.resource-status request failed: %v", err)
	}
	if err := l.cache.fill(l.m); err != nil {
		return nil, message.Errorf(syscall.EINVAL, "error preparing response: %v", err)
	}
	return &rpc.SchedStatus{All: l.cache.all, Down: l.cache.down, Allocated: withProperties(allocated, l.cache.all)}, nil
}

// withProperties gives r the properties that its ranks have in all.
func withProperties(r, all *rset.R) *rset.R {
	names := all.Properties()
	if r.Empty() || len(names) == 0 {
		return r
	}
	r = r.Clone()
	for _, name := range names {
		if ids := all.PropertyRanks(name).Intersect(r.Ranks()); !ids.Empty() {
			_ = r.SetProperty(name, ids) // its ranks are r's
		}
	}
	return r
}

func (l *leader) forgetStatus(sender string) {
	l.statusCalls = slices.DeleteFunc(l.statusCalls, func(c *service.Call) bool { return c.Msg.Sender() == sender })
}
