// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"sync"

	"goflux/internal/message"
)

// mailboxHighWater is the number of waiting items above which a connector
// waits before it reads more from its client. A service handles some 100,000
// messages a second, so this is a backlog of under a tenth of a second.
const mailboxHighWater = 8192

// item is a message or a function to run.
type item struct {
	msg *message.Message
	fn  func()
}

// mailbox is the queue of one loop: many put, one takes.
type mailbox struct {
	mu     sync.Mutex
	items  []item
	wake   chan struct{} // capacity 1
	room   sync.Cond
	closed bool
	held   []item // messages that wait while holding
	holds  bool
}

func newMailbox() *mailbox {
	b := &mailbox{wake: make(chan struct{}, 1)}
	b.room.L = &b.mu
	return b
}

// put adds an item; false when the mailbox is closed.
func (b *mailbox) put(it item) bool {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false
	}
	if b.holds && it.msg != nil {
		b.held = append(b.held, it)
		b.mu.Unlock()
		return true
	}
	b.items = append(b.items, it)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return true
}

// hold keeps messages from the loop, or lets those go that were kept.
func (b *mailbox) hold(on bool) {
	b.mu.Lock()
	b.holds = on
	held := b.held
	b.held = nil
	b.mu.Unlock()
	for _, it := range held {
		b.put(it)
	}
}

// take returns what has come in, all of it, and leaves spare in its place.
func (b *mailbox) take(spare []item) []item {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.items
	b.items = spare[:0]
	b.room.Broadcast()
	return got
}

// close refuses further items and returns those left.
func (b *mailbox) close() []item {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	got := append(b.items, b.held...)
	b.items, b.held = nil, nil
	b.room.Broadcast()
	return got
}

// waitRoom blocks while the mailbox is above its high-water mark.
func (b *mailbox) waitRoom() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.items) > mailboxHighWater && !b.closed {
		b.room.Wait()
	}
}

func (b *mailbox) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.items)
}
