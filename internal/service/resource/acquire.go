// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"syscall"

	"goflux/idset"
	core "goflux/internal/core/resource"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// acquire serves resource.acquire (RFC 28) to one scheduler at a time. It is
// answered first when R is known.
func (l *leader) acquire(c *service.Call) {
	if l.acquirer.Len() > 0 {
		c.Fail(message.Errorf(syscall.EBUSY, "resources are acquired already"))
		return
	}
	st := l.acquirer.Add(c, nil)
	if l.m != nil && l.m.R() != nil && l.defined() {
		l.firstAnswer(st)
	}
}

// defined reports whether the event that defines R has been told.
func (l *leader) defined() bool {
	for _, batch := range [][]posted{l.writing, l.queue} {
		for i := range batch {
			for _, e := range batch[i].events {
				if e.Entry.Name == core.EventDefine {
					return false
				}
			}
		}
	}
	return true
}

func (l *leader) firstAnswer(st *service.Stream[*core.Acquisition]) {
	a, r, up, err := l.m.Acquire()
	if err != nil {
		l.acquirer.Finish(st, err)
		return
	}
	st.State = a
	st.Respond(rpc.ResourceAcquired{Resources: r, Up: text(up)})
}

// text is an idset for an answer, even an empty one.
func text(ids *idset.Set) *string {
	s := ids.String()
	return &s
}

// some is an idset for an answer that leaves out what is empty.
func some(ids *idset.Set) *string {
	if ids.Empty() {
		return nil
	}
	return text(ids)
}

// tellScheduler sends the scheduler what events have changed for it.
func (l *leader) tellScheduler(events []core.Event) {
	if l.muted || len(events) == 0 {
		return
	}
	for st := range l.acquirer.All() {
		if st.State == nil {
			if l.m.R() != nil {
				l.firstAnswer(st)
			}
			continue
		}
		for _, e := range events {
			if e.Entry.Name == core.EventUpdate {
				at := l.m.R().Expiration
				st.Respond(rpc.ResourceAcquired{Expiration: &at})
			}
		}
		if c := st.State.Update(l.m); !c.Empty() {
			st.Respond(rpc.ResourceAcquired{Up: some(c.Up), Down: some(c.Down), Shrink: some(c.Shrink)})
		}
	}
}

func (l *leader) acquireCancel(c *service.Call, req *rpc.Matchtag) {
	l.acquirer.Cancel(c, req.Matchtag)
}

// acquireMute ends the news for schedulers: the instance is about to stop.
func (l *leader) acquireMute(*service.Call, *rpc.Empty) (any, error) {
	l.muted = true
	return nil, nil
}
