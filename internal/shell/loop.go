// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"sync"
	"time"
)

// loop runs functions one after another until nothing holds it.
type loop struct {
	mu    sync.Mutex
	queue []func()
	wake  chan struct{} // capacity 1

	idle  func()         // after each batch of functions
	holds map[string]int // of the loop: what must end first, and how often
	held  int
}

func newLoop() *loop {
	return &loop{wake: make(chan struct{}, 1), holds: map[string]int{}, idle: func() {}}
}

// post runs fn on the loop. It may be called from any goroutine.
func (l *loop) post(fn func()) {
	l.mu.Lock()
	l.queue = append(l.queue, fn)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take removes what is queued.
func (l *loop) take() []func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.queue
	l.queue = nil
	return q
}

// hold keeps the loop running until release is called with the same name.
func (l *loop) hold(name string) {
	l.holds[name]++
	l.held++
}

func (l *loop) release(name string) {
	if l.holds[name] == 0 {
		return
	}
	l.held--
	if l.holds[name]--; l.holds[name] == 0 {
		delete(l.holds, name)
	}
}

// run runs until done holds.
func (l *loop) run(done func() bool) {
	for !done() {
		q := l.take()
		if len(q) == 0 {
			<-l.wake
			continue
		}
		for _, fn := range q {
			fn()
		}
		l.idle()
	}
}

// after runs fn on the loop after d, unless the timer is stopped.
func (l *loop) after(d time.Duration, fn func()) *timer {
	t := &timer{}
	t.t = time.AfterFunc(d, func() {
		l.post(func() {
			if !t.stopped {
				fn()
			}
		})
	})
	return t
}

// timer's stopped belongs to the loop.
type timer struct {
	t       *time.Timer
	stopped bool
}

// stop may be called on nil.
func (t *timer) stop() {
	if t != nil {
		t.stopped = true
		t.t.Stop()
	}
}
