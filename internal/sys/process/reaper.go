// SPDX-License-Identifier: LGPL-3.0-or-later

package process

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Reaper learns what becomes of children. One serves all children that are
// registered with it; others of the process are left to whoever started them.
type Reaper struct {
	sigs chan os.Signal
	kick chan struct{}
	done chan struct{}

	mu       sync.Mutex
	children map[int]func(syscall.WaitStatus)
}

// NewReaper starts a reaper. It runs until [Reaper.Close].
func NewReaper() *Reaper {
	r := &Reaper{
		sigs:     make(chan os.Signal, 1), // one that waits stands for all
		kick:     make(chan struct{}, 1),
		done:     make(chan struct{}),
		children: map[int]func(syscall.WaitStatus){},
	}
	signal.Notify(r.sigs, syscall.SIGCHLD)
	go r.run()
	return r
}

// Watch calls changed when the child pid stops and when it has ended, that
// being the last call. It is called on the reaper's goroutine and must not
// block.
func (r *Reaper) Watch(pid int, changed func(syscall.WaitStatus)) {
	r.mu.Lock()
	r.children[pid] = changed
	r.mu.Unlock()
	select { // it may have ended before it was known here
	case r.kick <- struct{}{}:
	default:
	}
}

// Close ends the reaper. Children that still run are not waited for.
func (r *Reaper) Close() {
	signal.Stop(r.sigs)
	close(r.done)
}

func (r *Reaper) run() {
	for {
		select {
		case <-r.sigs:
		case <-r.kick:
		case <-r.done:
			return
		}
		for _, c := range r.collect() {
			c.changed(c.status)
		}
	}
}

type change struct {
	changed func(syscall.WaitStatus)
	status  syscall.WaitStatus
}

// collect asks for each child by its pid, never for any: a child that another
// part of the process waits for stays its.
func (r *Reaper) collect() []change {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []change
	for pid, changed := range r.children {
		for {
			var status syscall.WaitStatus
			got, err := syscall.Wait4(pid, &status, syscall.WNOHANG|syscall.WUNTRACED, nil)
			if err == syscall.EINTR {
				continue
			}
			if err != nil { // someone else waited for it: it is gone, how is not known
				delete(r.children, pid)
				out = append(out, change{changed, 0})
				break
			}
			if got == 0 {
				break
			}
			out = append(out, change{changed, status})
			if status.Exited() || status.Signaled() {
				delete(r.children, pid)
				break
			}
		}
	}
	return out
}
