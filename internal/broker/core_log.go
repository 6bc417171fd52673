// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"os"
	"strconv"
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
			st.Respond(r.Encode())
		}
	})
}

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
			c.Respond(r.Encode())
		}
	}
	if !req.Follow {
		c.End()
		return
	}
	s.dmesg.Add(c, struct{}{})
}

func (s *coreService) logCancel(c *service.Call, req *rpc.Matchtag) { s.dmesg.Cancel(c, req.Matchtag) }

func (s *coreService) logDisconnect(c *service.Call) { s.dmesg.Disconnect(c.Msg.Sender(), nil) }

// defineLogAttrs ties the log's settings to their attributes.
func (b *Broker) defineLogAttrs() {
	level := func(name string, flags AttrFlag, field func(l *Log) *Severity) {
		check := func(v string) error {
			n, err := strconv.Atoi(v)
			if err != nil || n > int(SevDebug) {
				return message.Errorf(syscall.EINVAL, "%s: %q is not a severity (0 to 7, negative for none)", name, v)
			}
			b.log.Configure(func(l *Log) { *field(l) = Severity(n) })
			return nil
		}
		b.defineChecked(name, strconv.Itoa(int(*field(b.log))), flags, check)
	}
	level("log-level", AttrRuntime, func(l *Log) *Severity { return &l.level })
	level("log-stderr-level", AttrRuntime, func(l *Log) *Severity { return &l.stderrLevel })
	level("log-critical-level", AttrRuntime, func(l *Log) *Severity { return &l.criticalLevel })
	level("log-forward-level", AttrRuntime, func(l *Log) *Severity { return &l.forwardLevel })
	b.defineChecked("log-ring-size", "1024", AttrRuntime, func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > maxRing {
			return message.Errorf(syscall.EINVAL, "log-ring-size: %q is not a size (1 to %d)", v, maxRing)
		}
		b.log.Resize(n)
		return nil
	})
	b.defineChecked("log-stderr-mode", "leader", AttrRuntime, func(v string) error {
		if v != "leader" && v != "local" {
			return message.Errorf(syscall.EINVAL, "log-stderr-mode: %q is neither leader nor local", v)
		}
		b.log.Configure(func(l *Log) { l.stderrLocal = v == "local" })
		return nil
	})
	if name, ok := b.attrs.Get("log-filename"); ok && b.opt.Rank == 0 {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			b.log.Logger("broker").Error("opening log-filename", "err", err)
			return
		}
		b.log.Configure(func(l *Log) { l.file = f })
	}
}

// maxRing bounds the memory of the log ring to some hundred megabytes.
const maxRing = 1 << 20

// defineChecked defines an attribute whose value acts through check; a value
// given on the command line acts now.
func (b *Broker) defineChecked(name, value string, flags AttrFlag, check func(string) error) {
	b.attrs.Define(name, value, flags, check)
	if v, ok := b.attrs.Get(name); ok {
		if err := check(v); err != nil {
			b.log.Logger("broker").Error("attribute from the command line", "err", err)
		}
	}
}
