// SPDX-License-Identifier: LGPL-3.0-or-later

package track

import (
	"strings"
	"sync"

	"goflux/internal/message"
)

// Tracker holds the requests handed to one endpoint. Its zero value is empty;
// its methods may be called from any goroutine.
type Tracker struct {
	mu      sync.Mutex
	pending map[key]*message.Message
}

type key struct {
	routes   string
	matchtag uint32
}

func keyOf(m *message.Message) key {
	if len(m.Routes) == 1 {
		return key{m.Routes[0], m.Matchtag}
	}
	return key{strings.Join(m.Routes, "!"), m.Matchtag}
}

// Request notes a request on its way to the endpoint. Only its header is kept.
func (t *Tracker) Request(m *message.Message) {
	if m.Is(message.FlagNoResponse) || m.Matchtag == message.MatchtagNone {
		return
	}
	header := *m
	header.SetRaw(nil)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending == nil {
		t.pending = map[key]*message.Message{}
	}
	t.pending[keyOf(m)] = &header
}

// Response notes an answer of the endpoint.
func (t *Tracker) Response(m *message.Message) {
	if m.Matchtag == message.MatchtagNone || m.Is(message.FlagStreaming) && m.Errnum == 0 {
		return
	}
	t.Forget(m)
}

// Forget drops a request that will be answered by somebody else.
func (t *Tracker) Forget(m *message.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pending, keyOf(m))
}

// Drain forgets all pending requests and returns them.
func (t *Tracker) Drain() []*message.Message {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]*message.Message, 0, len(t.pending))
	for _, m := range t.pending {
		out = append(out, m)
	}
	t.pending = nil
	return out
}

// Len is the number of pending requests.
func (t *Tracker) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.pending)
}
