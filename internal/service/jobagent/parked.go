// SPDX-License-Identifier: LGPL-3.0-or-later

package jobagent

import (
	"slices"
	"syscall"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
	"goflux/rset"
)

// This file keeps a job from the cores of another that still has them. The
// leader may have given up a job whose node was away, and its resources are the
// next job's when the node is back: before the leader has been asked about the
// shells that it finds there. So a launch waits while a shell that nobody asks
// for is in its way, until the leader has said that it is wanted, or it is gone.

// askAgain is the time between questions while a launch waits.
const askAgain = time.Second

// parked is a launch that waits.
type parked struct {
	call   *service.Call
	req    *rpc.AgentLaunch
	wanted map[jobid.ID]bool // the leader says that they share with it
}

// park has a launch wait if something is in its way.
func (a *agent) park(c *service.Call, req *rpc.AgentLaunch) bool {
	a.unpark(req.ID, nil) // the leader may ask once more
	p := &parked{call: c, req: req}
	if !a.known {
		a.parked = append(a.parked, p)
		a.introduce()
		return true
	}
	if !a.blocked(p) {
		return false
	}
	a.wait(p)
	return true
}

// wait has a launch wait for shells that are in its way.
func (a *agent) wait(p *parked) {
	a.h.Log().Warn("a job waits for the end of one that was given up while this node was away", "jobid", p.req.ID.F58())
	a.parked = append(a.parked, p)
	if !a.polling {
		a.polling = true
		a.askForParked()
	}
}

// blocked tells whether a shell that nobody asks for has what a launch needs.
func (a *agent) blocked(p *parked) bool {
	var mine *rset.R
	for _, s := range a.shells {
		if s.call != nil || s.over || s.id == p.req.ID || p.wanted[s.id] {
			continue
		}
		if mine == nil {
			mine = a.part(p.req.R)
		}
		theirs := a.part(s.r)
		if mine == nil || theirs == nil { // what cannot be read is not in the way
			continue
		}
		if !mine.Intersect(theirs).Ranks().Empty() {
			return true
		}
	}
	return false
}

// part is what R has on this node, nil when it cannot be read.
func (a *agent) part(raw jsontext.Value) *rset.R {
	r, err := rset.Parse(raw)
	if err != nil {
		return nil
	}
	for n := range r.Nodes() {
		if n.Rank() == a.h.Rank() {
			return rset.Build([]rset.Entry{{Rank: n.Rank(), Cores: n.Cores(), GPUs: n.GPUs()}})
		}
	}
	return nil
}

// askForParked asks the leader which shells are wanted, until nothing waits.
func (a *agent) askForParked() {
	asked := a.orphans()
	a.h.Request(service.Request{
		Topic: "job-exec.claims", NodeID: 0, Payload: rpc.AgentShells{Shells: asked},
	}, func(m *message.Message) {
		var gone rpc.AgentShells
		if m.Err() == nil && m.Decode(&gone) == nil {
			wanted := map[jobid.ID]bool{}
			for _, s := range asked {
				wanted[s.ID] = !slices.Contains(gone.Shells, s)
			}
			for _, p := range a.parked {
				p.wanted = wanted
			}
			a.endShells(gone.Shells)
			a.resume()
		}
		a.h.After(askAgain, func() {
			if a.polling = len(a.parked) > 0; a.polling {
				a.askForParked()
			}
		})
	})
}

// resume starts what waits for nothing any more.
func (a *agent) resume() {
	if !a.known {
		return
	}
	waiting := a.parked
	a.parked = nil
	for _, p := range waiting {
		if a.blocked(p) {
			a.parked = append(a.parked, p)
			continue
		}
		a.begin(p.call, p.req)
	}
}

// unpark forgets a launch that waits, and answers it with err unless that is
// nil. It is false when none does.
func (a *agent) unpark(id jobid.ID, err error) bool {
	i := slices.IndexFunc(a.parked, func(p *parked) bool { return p.req.ID == id })
	if i < 0 {
		return false
	}
	if err != nil {
		a.parked[i].call.Fail(err)
	}
	a.parked = slices.Delete(a.parked, i, i+1)
	return true
}

// errCanceled answers a launch that was called off while it waited.
var errCanceled = message.Errorf(syscall.ECANCELED, "the job was ended before it began on this node")
