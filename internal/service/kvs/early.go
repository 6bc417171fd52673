// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import "goflux/internal/service"

// What comes before the namespaces have been read back waits for them: brokers
// and their clients stay while the leader restarts, and to them a namespace that
// is not there yet would be one that is not there.

// early is a request that waits.
type early struct {
	call  *service.Call
	serve func()
}

// held is a handler that waits for the namespaces.
func held[Req any](fn func(*kvs, *service.Call, *Req)) func(*kvs, *service.Call, *Req) {
	return func(s *kvs, c *service.Call, r *Req) {
		if s.ready {
			fn(s, c, r)
			return
		}
		s.early = append(s.early, early{c, func() { fn(s, c, r) }})
	}
}

// heldUnary is held for a handler that returns its answer.
func heldUnary[Req any](fn func(*kvs, *service.Call, *Req) (any, error)) func(*kvs, *service.Call, *Req) {
	return held(func(s *kvs, c *service.Call, r *Req) {
		answer, err := fn(s, c, r)
		if err != nil {
			c.Fail(err)
			return
		}
		c.Respond(answer)
	})
}

// letIn serves what has waited, in order.
func (s *kvs) letIn() {
	s.ready = true
	waiting := s.early
	s.early = nil
	for _, e := range waiting {
		e.serve()
	}
}
