// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"zombiezen.com/go/sqlite"

	"goflux/internal/message"
)

// A reserve keeps space on the disk of a lasting store, in a file that is given
// up when there is no other space left: jobs that have been taken can be brought
// to their end with it. New ones are refused before that. A throw-away store,
// whose disk may be memory, keeps no file, and refuses later.
//
// With less than its size free beside it, submissions are refused. When the
// disk is full the file goes, and user's content is refused, too. When that is
// used up, changes of jobs wait until somebody makes room: nothing is answered
// meanwhile, and nothing fails.
type reserve struct {
	path  string
	file  bool // there is one
	space func(dir string) (free, total int64, err error)

	mu   sync.Mutex
	size int64 // 0 when it could not be made for another reason than space
	held bool
	tell func(full error)
	said bool
}

// reserveSuffix is the file's.
const reserveSuffix = ".reserve"

// reserveSize is for the write-ahead log and the rows of some 10,000 jobs. On a
// small file system it is a share.
const (
	reserveSize  = 16 << 20
	reserveShare = 20
)

// throwAwaySize takes the place of reserveSize where there is no file.
const throwAwaySize = 1 << 20

// diskSpace is what a file system has, for those without privilege, in bytes.
func diskSpace(path string) (free, total int64, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return 0, 0, err
	}
	return int64(fs.Bavail) * fs.Bsize, int64(fs.Blocks) * fs.Bsize, nil
}

func newReserve(path string, file bool, space func(string) (int64, int64, error)) (*reserve, error) {
	if space == nil {
		space = diskSpace
	}
	r := &reserve{path: path, file: file, space: space}
	_, total, err := space(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%s: asking for the space on its disk: %w", path, err)
	}
	r.size = min(reserveSize, total/reserveShare)
	if !file {
		r.size = min(throwAwaySize, r.size)
	}
	if fi, err := os.Stat(path + reserveSuffix); err == nil && fi.Size() >= r.size {
		r.held = true
		return r, nil
	}
	r.hold()
	return r, nil
}

// hold makes the file, when there is space for it and as much again. A file
// system that cannot set space aside has none: what is free must do.
func (r *reserve) hold() {
	free, _, err := r.space(filepath.Dir(r.path))
	if err != nil || free < 2*r.size {
		return
	}
	if !r.file {
		r.held = true
		return
	}
	f, err := os.OpenFile(r.path+reserveSuffix, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	if err := syscall.Fallocate(int(f.Fd()), 0, 0, r.size); errors.Is(err, syscall.ENOSPC) {
		_ = os.Remove(r.path + reserveSuffix)
		return
	}
	r.held = true
}

// room is nil when there is room for new work. ENOSPC otherwise.
func (r *reserve) room() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roomLocked()
}

func (r *reserve) roomLocked() error {
	if !r.held {
		r.hold()
	}
	free, _, err := r.space(filepath.Dir(r.path))
	if err == nil && (!r.held || free < r.size) {
		err = message.Errorf(syscall.ENOSPC, "No space left on device: the disk of %s has %d kB free and %d kB set aside for work that has begun; nothing new is taken until there is more",
			r.path, free>>10, r.kept()>>10)
	}
	r.saying(err)
	return err
}

func (r *reserve) kept() int64 {
	if r.held && r.file {
		return r.size
	}
	return 0
}

// content is nil when there is room for users' content: as long as the reserve
// is there, or half of it.
func (r *reserve) content() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held {
		return nil
	}
	err := r.roomLocked()
	if free, _, e := r.space(filepath.Dir(r.path)); e == nil && free >= r.size/2 {
		return nil
	}
	return err
}

// give gives the reserve up, and reports whether there was one.
func (r *reserve) give() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.held {
		return false
	}
	r.held = false
	return r.file && os.Remove(r.path+reserveSuffix) == nil
}

// saying tells whoever wants to know when the disk becomes full, and when it is
// so no longer.
func (r *reserve) saying(full error) {
	if r.tell != nil && r.said != (full != nil) {
		r.said = full != nil
		r.tell(full)
	}
}

// OnFull has fn called when the disk has no room for new work, with the error,
// and with nil when it has again. fn must not block.
func (s *Store) OnFull(fn func(error)) {
	if r := s.reserve; r != nil {
		r.mu.Lock()
		r.tell = fn
		r.mu.Unlock()
	}
}

// Room is nil when there is room on the disk for new work, such as another job.
// ENOSPC when what is left is for the work that has begun. It does not block.
func (s *Store) Room() error {
	if s.reserve == nil {
		return nil
	}
	return s.reserve.room()
}

// ContentRoom is nil when there is room on the disk for users' content, such as
// a job's output. ENOSPC when it is all needed elsewhere. It does not block.
func (s *Store) ContentRoom() error {
	if s.reserve == nil {
		return nil
	}
	return s.reserve.content()
}

// refuseContent fails what a full disk has no room for, and returns the rest.
func (s *Store) refuseContent(group []commit) []commit {
	if s.reserve == nil {
		return group
	}
	var rest []commit
	var full error
	asked := false
	for _, c := range group {
		if c.batch.content && !asked {
			full, asked = s.reserve.content(), true
		}
		if c.batch.content && full != nil {
			c.done(full)
		} else {
			rest = append(rest, c)
		}
	}
	return rest
}

// spaceRetry is how often a full disk is tried again.
const spaceRetry = 250 * time.Millisecond

// transactFull is transact on a disk that may be full: then the reserve is given
// up, and when that is used up, changes of jobs wait.
func (s *Store) transactFull(group []commit) error {
	err := s.transact(group)
	if s.reserve == nil || err == nil || !s.full {
		return err
	}
	if err = s.again(group); err == nil || !s.full {
		return err
	}
	given := s.reserve.give()
	_ = s.reserve.room() // which tells
	if given {
		if err = s.again(group); err == nil || !s.full {
			return err
		}
	}
	if len(group) > 1 || !group[0].batch.jobs || s.opt.Wake != nil {
		return err
	}
	for err != nil && s.full && s.waitForSpace() {
		err = s.again(group)
	}
	return err
}

// again is transact with the log copied first: it begins anew then, and takes
// no new space.
func (s *Store) again(group []commit) error {
	_ = s.copyLog() // if that finds no space either, the log stays
	return s.transact(group)
}

// logPages is how long the log may grow on a disk with this reserve: what is in
// it has to fit into the file, too.
func (r *reserve) logPages(most int) int {
	const least = 16
	return max(least, min(most, int(r.size/2/defaultPageSize)))
}

// waitForSpace waits a while, in which content is refused, and reports whether
// to go on.
func (s *Store) waitForSpace() bool {
	time.Sleep(spaceRetry)
	s.mu.Lock()
	var refused []commit
	rest := s.queue[:0:0]
	for _, c := range s.queue {
		if c.batch != nil && c.batch.content {
			refused = append(refused, c)
		} else {
			rest = append(rest, c)
		}
	}
	s.queue = rest
	closing := s.closing
	s.mu.Unlock()
	full := s.reserve.content()
	for _, c := range refused {
		if full == nil { // it has become free this moment
			full = message.Errorf(syscall.ENOSPC, "%s: the disk was full", s.path)
		}
		c.done(full)
	}
	return !closing
}

// isFull reports whether SQLite found the disk full. Its shared memory is in a
// file, too.
func isFull(err error) bool {
	c := sqlite.ErrCode(err)
	return c.ToPrimary() == sqlite.ResultFull || c == sqlite.ResultIOErrSHMSize
}
