// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"goflux/internal/message"
	"goflux/internal/testkit/faultdisk"
)

// fullDisk is a disk that tests make full.
type fullDisk struct {
	*faultdisk.Disk
	free  atomic.Int64
	tight atomic.Bool // no space is left but that of the reserve
	full  atomic.Bool // nor that
}

func newFullDisk(t *testing.T, dir string) *fullDisk {
	d := &fullDisk{Disk: faultdisk.Watch(t, dir)}
	d.Quiet()
	d.free.Store(1 << 40)
	d.Deny(func(o faultdisk.Op) error {
		_, err := os.Stat(filepath.Join(dir, FileName+reserveSuffix))
		if o.Kind == faultdisk.Write && (d.full.Load() || d.tight.Load() && err == nil) {
			return syscall.ENOSPC
		}
		return nil
	})
	return d
}

func (d *fullDisk) space(string) (int64, int64, error) { return d.free.Load(), 1 << 40, nil }

// A disk that fills up takes no new work, brings what has begun to its end, then
// makes it wait, and goes on when there is space.
func TestDiskFillsUp(t *testing.T) {
	dir := fastDir(t)
	disk := newFullDisk(t, dir)
	path := filepath.Join(dir, FileName)
	s := open(t, path, Options{Lasting: true, VFS: faultdisk.VFS, OpenFile: opener(disk.Disk), Space: disk.space})
	said := make(chan error, 9)
	s.OnFull(func(err error) { said <- err })
	event := func(text string) *Batch {
		b := &Batch{}
		b.AppendEvents(1, []byte(text))
		return b
	}
	object := func(text string) error {
		var b Batch
		b.PutObject(raw([]byte(text)), []byte(text))
		return s.CommitWait(&b)
	}
	must(t, s, func(b *Batch) { b.PutJob(&Job{ID: 1}) })
	if err := s.Room(); err != nil {
		t.Fatal(err)
	}

	disk.free.Store(reserveSize - 1) // not much left
	if err := s.Room(); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "No space left on device") {
		t.Errorf("room: %v", err)
	}
	if err := <-said; !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("said %v", err)
	}
	if err := errors.Join(s.CommitWait(event("a")), object("kept")); err != nil {
		t.Errorf("with the reserve there: %v", err)
	}

	disk.free.Store(0) // nothing left but the reserve
	disk.tight.Store(true)
	if err := s.CommitWait(event("b")); err != nil {
		t.Errorf("with the reserve given up: %v", err)
	}
	wantErrno(t, object("refused"), syscall.ENOSPC)
	wantErrno(t, s.Room(), syscall.ENOSPC)

	disk.full.Store(true) // nothing
	waiting := make(chan error, 1)
	s.Commit(event("c"), func(err error) { waiting <- err })
	wantErrno(t, object("refused while another waits"), syscall.ENOSPC)
	select {
	case err := <-waiting:
		t.Errorf("answered on a full disk: %v", err)
	default:
	}

	disk.free.Store(1 << 40) // somebody made room
	disk.tight.Store(false)
	disk.full.Store(false)
	if err := <-waiting; err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := s.Room(); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if err := <-said; err != nil {
		t.Errorf("said %v", err)
	}
	if err := object("taken"); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{Lasting: true})
	if r := recovered(t, s); len(r.Damaged) > 0 || string(r.Jobs[0].Events) != "abc" || len(s.Findings()) > 0 {
		t.Errorf("afterwards %+v %q", r.Jobs[0], s.Findings())
	}
}

// On a real file system that is full, where one can be mounted.
func TestRealDiskFillsUp(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("mounting a small file system: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	path := filepath.Join(dir, FileName)
	s := open(t, path, Options{Lasting: true})
	taken := uint64(0)
	for ; s.Room() == nil; taken++ {
		must(t, s, func(b *Batch) {
			b.PutJob(&Job{ID: taken + 1, Fields: map[string][]byte{"jobspec": []byte(strings.Repeat("spec ", 200))}})
		})
	}
	if taken < 100 {
		t.Fatalf("%d jobs taken", taken)
	}
	for id := uint64(1); id <= 50; id++ {
		must(t, s, func(b *Batch) {
			b.AppendEvents(id, []byte("clean\n"))
			b.FinishJob(&FinishedJob{ID: id, Result: 1, Records: map[string][]byte{"eventlog": fmt.Appendf(nil, "log of %d", id)}})
		})
	}
	// Users' content takes what is left, but for the reserve; jobs go on.
	var err error
	for i := 0; err == nil; i++ {
		var b Batch
		data := fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", i%5000))
		b.PutObject(raw(data), data)
		err = s.CommitWait(&b)
	}
	wantErrno(t, err, syscall.ENOSPC)
	must(t, s, func(b *Batch) { b.FinishJob(&FinishedJob{ID: 51, Result: 1}) })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s, err = Open(path, Options{Lasting: true})
	if err != nil {
		t.Fatal(err, message.Errno(err))
	}
	r := recovered(t, s)
	n, _ := s.CountFinished(JobQuery{})
	if uint64(len(r.Jobs)) != taken-51 || n != 51 || len(r.Damaged) > 0 {
		t.Errorf("%d active and %d finished of %d jobs, damaged %v", len(r.Jobs), n, taken, r.Damaged)
	}
	_ = s.Close()
}
