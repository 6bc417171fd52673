// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"strings"
	"sync"

	"goflux/internal/message"
)

// tracker remembers the requests handed to an endpoint that have not had their
// last answer, so that they can be failed when the endpoint goes away: no
// request is left waiting (RFC 6).
type tracker struct {
	mu      sync.Mutex
	pending map[trackKey]*message.Message
}

type trackKey struct {
	routes   string
	matchtag uint32
}

func keyOf(m *message.Message) trackKey {
	if len(m.Routes) == 1 {
		return trackKey{m.Routes[0], m.Matchtag}
	}
	return trackKey{strings.Join(m.Routes, "!"), m.Matchtag}
}

// request notes a request on its way to the endpoint.
func (t *tracker) request(m *message.Message) {
	if m.Is(message.FlagNoResponse) || m.Matchtag == message.MatchtagNone {
		return
	}
	header := *m
	header.SetRaw(nil)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending == nil {
		t.pending = map[trackKey]*message.Message{}
	}
	t.pending[keyOf(m)] = &header
}

// response notes an answer of the endpoint.
func (t *tracker) response(m *message.Message) {
	if m.Matchtag == message.MatchtagNone || m.Is(message.FlagStreaming) && m.Errnum == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pending, keyOf(m))
}

// drain forgets all pending requests and returns them.
func (t *tracker) drain() []*message.Message {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]*message.Message, 0, len(t.pending))
	for _, m := range t.pending {
		out = append(out, m)
	}
	t.pending = nil
	return out
}
