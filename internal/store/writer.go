// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"syscall"

	"goflux/internal/message"
)

// commit is what waits for the writer: a batch, or something to be done
// between transactions.
type commit struct {
	batch  *Batch
	direct func() error
	done   func(error)
}

// Commit makes batch durable and then calls done, on the writer's goroutine:
// done must not block. Batches become durable, and are answered, in the order
// of their Commit calls. A batch that fails has changed nothing; one that is
// refused for what it says (EEXIST, ENOENT, EINVAL) or for want of space
// (ENOSPC) does not touch others — but that when a batch with changes of active
// jobs finds no space, later ones with such changes fail, too, until
// [Store.Recover]: event logs have no holes. After an I/O error the state of the
// disk is unknown, and every later commit fails with the same error.
func (s *Store) Commit(batch *Batch, done func(error)) {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		done(message.Errorf(syscall.ESHUTDOWN, "the store is closed"))
		return
	}
	s.enqueue(commit{batch: batch, done: done})
	s.mu.Unlock()
}

func (s *Store) enqueue(c commit) {
	s.queue = append(s.queue, c)
	switch {
	case s.opt.Wake != nil:
		s.opt.Wake()
	case c.batch == nil || !c.batch.patient || len(s.queue) >= patientMost:
		s.hurry = true
		s.wake.Signal()
	case len(s.queue) == 1:
		s.patient.Reset(s.opt.Patience)
	}
}

// hasten ends the patience of what is queued. A timer that comes late, for what
// has been written meanwhile, hastens others, which does no harm.
func (s *Store) hasten() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) > 0 {
		s.hurry = true
		s.wake.Signal()
	}
}

// CommitWait is Commit for callers that may block.
func (s *Store) CommitWait(batch *Batch) error {
	ch := make(chan error, 1)
	s.Commit(batch, func(err error) { ch <- err })
	s.writeNow()
	return <-ch
}

// writer is the loop that owns the writing connection.
func (s *Store) writer() {
	defer close(s.done)
	for {
		s.mu.Lock()
		for !s.hurry && !s.closing {
			s.wake.Wait()
		}
		group := s.queue
		s.queue, s.hurry = nil, false
		s.patient.Stop()
		s.mu.Unlock()
		if len(group) == 0 {
			return
		}
		s.serve(group)
	}
}

// serve does what was queued: batches in groups, and what goes between them.
func (s *Store) serve(group []commit) {
	for len(group) > 0 {
		n := 0
		for n < min(len(group), maxGroup) && group[n].batch != nil {
			n++
		}
		if n == 0 {
			group[0].done(group[0].direct())
			n = 1
		} else {
			s.commitGroup(group[:n])
		}
		group = group[n:]
	}
}

// Write does what waits for the writer, here and now, in a store that was
// opened with [Options.Wake].
func (s *Store) Write() {
	s.mu.Lock()
	group := s.queue
	s.queue = nil
	s.mu.Unlock()
	s.serve(group)
}

// writeNow keeps those who wait from waiting for ever where there is no writer.
func (s *Store) writeNow() {
	if s.opt.Wake != nil {
		s.Write()
	}
}

// maxGroup bounds one transaction, and so the time its first batch waits.
const maxGroup = 4096

// commitGroup commits a group as one transaction; if one of it is at fault,
// each by itself.
func (s *Store) commitGroup(group []commit) {
	if s.broken != nil {
		for _, c := range group {
			c.done(s.broken)
		}
		return
	}
	if group = s.refuseContent(s.refuseJobs(group)); len(group) == 0 {
		return
	}
	err := s.transactFull(group)
	if err != nil && len(group) > 1 && s.broken == nil {
		for i := range group {
			s.commitGroup(group[i : i+1])
		}
		return
	}
	if num := message.Errno(err); group[0].batch.jobs && num != 0 && !refusals[num] {
		s.jobsBroken = err
	}
	for _, c := range group {
		c.done(err)
	}
}

// refusals are the errors of a batch that asks for something impossible.
var refusals = map[syscall.Errno]bool{syscall.EEXIST: true, syscall.ENOENT: true, syscall.EINVAL: true}

// refuseJobs fails what may not come after a failed change of jobs, and
// returns the rest.
func (s *Store) refuseJobs(group []commit) []commit {
	if s.jobsBroken == nil {
		return group
	}
	var rest []commit
	for _, c := range group {
		if c.batch.jobs {
			c.done(s.jobsBroken)
		} else {
			rest = append(rest, c)
		}
	}
	return rest
}

func (s *Store) transact(group []commit) error {
	t := newTxn(s)
	err := t.run(group)
	if err == nil {
		s.mu.Lock()
		t.publish()
		s.mu.Unlock()
		s.guarded(false)
		for _, c := range group {
			if c.batch.jobs {
				s.recovered = nil // it is what Open had read
			}
		}
		return nil
	}
	if !s.write.AutocommitEnabled() {
		_ = exec(s.write, "ROLLBACK") // the error that led here is the one to report
	}
	s.full = isFull(err)
	err = describe("writing "+s.path, err)
	if num := message.Errno(err); num == syscall.EIO || num == syscall.EPERM {
		s.broken = err
	}
	return err
}
