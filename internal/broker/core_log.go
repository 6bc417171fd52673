// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// forwardLog sends a follower's record to the leader.
func (s *coreService) forwardLog(r LogRecord) {
	s.h.Post(func() {
		s.h.Request(service.Request{Topic: "log.append", NodeID: 0, Payload: r.Encode()}, nil)
	})
}

// logged hands a new record to those who follow. It is called with the log
// locked, by whoever logs.
func (s *coreService) logged(r LogRecord) {
	s.h.Post(func() {
		for st := range s.dmesg.All() {
			st.Respond(wireText(r))
		}
	})
}

// wireText is a record as a string payload: ended by a NUL (RFC 3).
func wireText(r LogRecord) []byte { return append(r.Encode(), 0) }

func (s *coreService) logAppend(c *service.Call) {
	r, err := DecodeLog(c.Msg.Payload())
	if err != nil {
		c.Fail(err)
		return
	}
	s.b.log.Append(r)
	c.Respond(nil)
}

func (s *coreService) logClear(*service.Call, *rpc.Empty) (any, error) {
	s.b.log.Clear()
	return nil, nil
}

func (s *coreService) logDmesg(c *service.Call, req *rpc.Dmesg) {
	if !c.Streaming() {
		c.Fail(message.Errorf(syscall.EPROTO, "log.dmesg is a streaming request"))
		return
	}
	if !req.NoBacklog {
		for _, r := range s.b.log.Records() {
			c.Respond(wireText(r))
		}
	}
	if !req.Follow {
		c.End()
		return
	}
	s.dmesg.Add(c, struct{}{})
}

func (s *coreService) logCancel(c *service.Call, req *rpc.Matchtag) { s.dmesg.Cancel(c, req.Matchtag) }

// logStats answers log.stats-get.
func (s *coreService) logStats(*service.Call, *rpc.Empty) (any, error) { return s.b.log.Stats(), nil }
