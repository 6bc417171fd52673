// SPDX-License-Identifier: LGPL-3.0-or-later

package track

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"goflux/internal/message"
)

// Tracker holds the requests handed to one endpoint. Its zero value is empty;
// its methods may be called from any goroutine.
type Tracker struct {
	mu      sync.Mutex
	pending map[string]map[key]entry // by sender
	n       int
	last    uint64 // number of the last request
	// spare is the map of a sender that has nothing pending any more, for the
	// next one: most have one request at a time.
	spare map[key]entry
}

// entry is a request that is kept.
type entry struct {
	*message.Message
	number uint64 // in order of arrival
}

// key tells requests apart. A sender uses no matchtag twice at a time (RFC 6); but
// who the sender is says the route stack as a whole: what others have put on it
// before the last hop is their word.
type key struct {
	routes   uint64 // a hash of them
	matchtag uint32
}

var seed = maphash.MakeSeed()

func keyOf(m *message.Message) key {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, hop := range m.Routes {
		h.WriteString(hop)
		h.WriteByte(0)
	}
	return key{h.Sum64(), m.Matchtag}
}

// tracked tells whether a message is, or answers, a request that is kept.
func tracked(m *message.Message) bool {
	return !m.Is(message.FlagNoResponse) && m.Matchtag != message.MatchtagNone
}

// Request notes a request on its way to the endpoint. Only its header is kept.
// A farewell (SERVICE.disconnect, RFC 6) ends what its sender had asked of that
// service: nobody will answer that any more.
func (t *Tracker) Request(m *message.Message) {
	if name, ok := strings.CutSuffix(m.Topic, ".disconnect"); ok {
		t.purge(m.Sender(), name)
	}
	if !tracked(m) {
		return
	}
	header := *m
	header.SetRaw(nil)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending == nil {
		t.pending = map[string]map[key]entry{}
	}
	of := t.pending[m.Sender()]
	if of == nil {
		if of, t.spare = t.spare, nil; of == nil {
			of = map[key]entry{}
		}
		t.pending[m.Sender()] = of
	}
	k := keyOf(m)
	if _, again := of[k]; !again {
		t.n++
	}
	t.last++
	of[k] = entry{&header, t.last}
}

func (t *Tracker) purge(sender, service string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.pending[sender]
	for k, m := range of {
		if m.Service() == service {
			delete(of, k)
			t.n--
		}
	}
	t.settle(sender, of)
}

// settle drops the map of a sender that has nothing pending.
func (t *Tracker) settle(sender string, of map[key]entry) {
	if of != nil && len(of) == 0 {
		delete(t.pending, sender)
		t.spare = of
	}
}

// Response notes an answer of the endpoint.
func (t *Tracker) Response(m *message.Message) {
	if m.Matchtag == message.MatchtagNone || m.Is(message.FlagStreaming) && m.Errnum == 0 {
		return
	}
	t.Forget(m)
}

// Forget drops a request that will be answered by somebody else, or here. It is
// false when somebody has answered it already, who drained the tracker.
func (t *Tracker) Forget(m *message.Message) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	of := t.pending[m.Sender()]
	k := keyOf(m)
	if _, kept := of[k]; !kept {
		return !tracked(m)
	}
	delete(of, k)
	t.n--
	t.settle(m.Sender(), of)
	return true
}

// Drain forgets all pending requests and returns them, the oldest first.
func (t *Tracker) Drain() []*message.Message {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]entry, 0, t.n)
	for _, of := range t.pending {
		for _, e := range of {
			all = append(all, e)
		}
	}
	t.pending, t.spare, t.n = nil, nil, 0
	slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(a.number, b.number) })
	out := make([]*message.Message, len(all))
	for i, e := range all {
		out[i] = e.Message
	}
	return out
}

// Len is the number of pending requests.
func (t *Tracker) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}
