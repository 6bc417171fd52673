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

	batch []func()       // taken from the queue, to be run
	idle  func()         // when the batch has been run
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

// run runs until done holds. A function may end it by a panic: those behind it
// are run when run is called again.
func (l *loop) run(done func() bool) {
	for !done() {
		if len(l.batch) == 0 {
			l.idle()
			if l.batch = l.take(); len(l.batch) == 0 {
				<-l.wake
			}
			continue
		}
		fn := l.batch[0]
		l.batch = l.batch[1:]
		fn()
	}
	l.idle()
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
