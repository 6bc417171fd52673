// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"syscall"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
)

// courier carries what the shells of a job tell each other where brokers may go
// away and return: each word arrives once and in order, however often the way
// is cut. Elsewhere a request without an answer does.
type courier struct {
	s     *Shell
	boxes map[int]*outbox // by receiver
	heard map[int]int     // by sender: the number of its last word
}

// outbox is what one shell is to be told.
type outbox struct {
	words []rpc.ShellWord
	first int // the number of words[0]
	busy  bool
	over  bool // the receiver's tasks have ended: it may be gone
	lost  bool // the receiver is: nothing is kept for it
	// missing is since when the receiver has not been found on its broker.
	missing time.Time
}

const (
	courierBatch = 256 // words at a time
	courierHold  = "courier"
	// courierPatience is how long a shell may be missing whose broker is there:
	// it looks for a broker that has returned every reconnectMost.
	courierPatience = 10 * reconnectMost
)

func (c *courier) init() {
	c.boxes, c.heard = map[int]*outbox{}, map[int]int{}
	c.s.service.handle("told", c.told)
}

// tell has a shell told.
func (c *courier) tell(rank int, method string, req any) error {
	raw, err := message.Marshal(req)
	if err != nil {
		return err
	}
	b := c.box(rank)
	if b.lost {
		return nil
	}
	c.s.link.hold(courierHold)
	b.words = append(b.words, rpc.ShellWord{Method: method, Data: jsontext.Value(raw)})
	c.send(rank, b)
	return nil
}

func (c *courier) box(rank int) *outbox {
	b := c.boxes[rank]
	if b == nil {
		b = &outbox{first: 1}
		c.boxes[rank] = b
	}
	return b
}

// shellLost drops what a shell was to be told that is gone for good: it would be
// tried for ever.
func (c *courier) shellLost(rank int) {
	b := c.box(rank)
	b.lost = true
	for range b.words {
		c.s.link.release(courierHold)
	}
	b.words = nil
}

func (c *courier) send(rank int, b *outbox) {
	if b.busy || len(b.words) == 0 {
		return
	}
	b.busy = true
	n := min(len(b.words), courierBatch)
	req := rpc.ShellTold{From: c.s.plan.self, First: b.first, Words: b.words[:n:n]}
	c.s.ask(rank, "told", req, func(_ *flux.Message, err error) {
		b.busy = false
		if b.lost {
			return
		}
		if err != nil && c.missing(rank, b, err) {
			return
		}
		if err != nil && !b.over {
			c.s.log.errorf("", "%s to shell %d: %s", req.Words[0].Method, rank, flux.ErrorText(err))
		}
		b.words, b.first, b.missing = b.words[n:], b.first+n, time.Time{}
		for range n {
			c.s.link.release(courierHold)
		}
		c.send(rank, b)
	})
}

// over says that a shell need not be told anything any more.
func (c *courier) over(rank int) {
	if b := c.boxes[rank]; b != nil {
		b.over = true
	}
}

// missing tries again when a shell may not have found its broker yet.
func (c *courier) missing(rank int, b *outbox, err error) bool {
	if b.over || message.Errno(err) != syscall.ENOSYS {
		return false
	}
	if b.missing.IsZero() {
		b.missing = time.Now()
	}
	if time.Since(b.missing) > courierPatience {
		return false
	}
	c.s.link.after(reconnectMost/4, func() { c.send(rank, b) })
	return true
}

// told takes what another shell tells, each word once.
func (c *courier) told(m *flux.Message) {
	var req rpc.ShellTold
	if err := m.Decode(&req); err != nil {
		c.s.link.fail(m, err)
		return
	}
	for i, w := range req.Words {
		if req.First+i <= c.heard[req.From] {
			continue
		}
		c.heard[req.From] = req.First + i
		word := message.NewRequest(c.s.service.topic(w.Method), m.NodeID, w.Data)
		word.Cred, word.Routes = m.Cred, m.Routes
		word.Flags |= message.FlagNoResponse
		if fn := c.s.service.methods[w.Method]; fn != nil {
			fn(word)
		}
	}
	c.s.link.respond(m, nil)
}
