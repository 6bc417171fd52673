// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// A guard keeps, in a file beside a lasting database, what SQLite does not:
//
//   - a checksum of each page of the file,
//   - the seal: the number of the last transaction that was answered. It is
//     written after each and not synced, so a loss of power may leave an older
//     one, but never one that promises too much,
//   - where the tables begin, should the schema be lost.
//
// A page changes in the file only when the write-ahead log is copied into it.
// That is done here, between transactions; then the checksums of its pages are
// written and synced, before a later transaction can overwrite the log. So at
// any moment each page of the file either matches its checksum or is in the
// log, whose frames have their own.
//
// The layout, big endian:
//
//	   0  head: magic (8 bytes), page size, pages (4 each), checksum (4)
//	 512  seal: transaction (8), checksum (4)
//	1024  the head again
//	1536  another seal: they take turns
//	2048  roots: length (2), lines of name and page, checksum (4)
//	4096  checksums of the pages, 4 bytes each
//
// A write that is cut short spoils one head or seal, and the other one holds.
type guard struct {
	f     File
	db    *os.File // the database, for reading; closed last, see takeLock
	log   *os.File // its write-ahead log, once there is one
	path  string
	size  int // of a page
	salts [8]byte
	next  int64               // the log's first frame that has not been looked at
	pages map[uint32]struct{} // of the file whose checksum is not up to date
	done  int64               // frames that have been copied
	buf   []byte              // pages and frames as they are summed
	lost  bool                // it could not be kept
}

const (
	guardSuffix = ".sums"
	guardMagic  = "goflux\x00\x01"
	guardSeal   = 512
	guardAgain  = 1024 // from the first head and seal to the others
	guardRoots  = 2048
	guardSums   = 4096
)

// guardState is what a guard file says.
type guardState struct {
	exists   bool
	headOK   bool
	pageSize int
	pages    uint32 // how many have a checksum
	sealOK   bool
	seal     int64
	roots    map[string]uint32
	rootsOK  bool
}

// readGuard reads all but the checksums of the pages.
func readGuard(r io.ReaderAt) (g guardState) {
	b := make([]byte, guardSums)
	n, _ := r.ReadAt(b, 0) // what is not there does not match its checksum
	g.exists = n > 0
	be := binary.BigEndian
	for _, at := range []int{guardAgain, 0} { // the first is written first
		h, s := b[at:], b[at+guardSeal:]
		if string(h[:8]) == guardMagic && be.Uint32(h[16:]) == checksum(h[:16]) {
			g.headOK, g.pageSize, g.pages = true, int(be.Uint32(h[8:])), be.Uint32(h[12:])
		}
		if be.Uint32(s[8:]) == checksum(s[:8]) && n >= at+guardSeal+12 {
			g.sealOK, g.seal = true, max(g.seal, int64(be.Uint64(s)))
		}
	}
	l := b[guardRoots:]
	size := int(be.Uint16(l))
	if 2+size+4 <= len(l) && be.Uint32(l[2+size:]) == checksum(l[:2+size]) && n >= guardRoots+6 {
		g.rootsOK, g.roots = true, map[string]uint32{}
		for text := string(l[2 : 2+size]); text != ""; {
			var name string
			var root uint32
			if _, err := fmt.Sscanf(text, "%s %d\n", &name, &root); err != nil {
				break
			}
			g.roots[name] = root
			text = text[len(fmt.Sprintf("%s %d\n", name, root)):]
		}
	}
	return g
}

// sums reads the checksums of pages from first on.
func readSums(r io.ReaderAt, first, n uint32) []uint32 {
	b := make([]byte, 4*n)
	got, _ := r.ReadAt(b, guardSums+4*int64(first-1))
	out := make([]uint32, got/4)
	for i := range out {
		out[i] = binary.BigEndian.Uint32(b[4*i:])
	}
	return out
}

func (g *guard) writeHead(pages uint32) error {
	b := append(make([]byte, 0, 20), guardMagic...)
	b = binary.BigEndian.AppendUint32(b, uint32(g.size))
	b = binary.BigEndian.AppendUint32(b, pages)
	if err := g.writeSummed(slices.Clone(b), 0); err != nil {
		return err
	}
	return g.writeSummed(b, guardAgain)
}

func (g *guard) writeSummed(b []byte, at int64) error {
	_, err := g.f.WriteAt(binary.BigEndian.AppendUint32(b, checksum(b)), at)
	return err
}

// seal notes that a transaction has been committed. What cannot be written
// leaves an older seal, which holds, too.
func (g *guard) seal(seq int64) {
	_ = g.writeSummed(binary.BigEndian.AppendUint64(nil, uint64(seq)), guardSeal+guardAgain*(seq%2))
}

func (g *guard) writeRoots(roots map[string]uint32) error {
	var text []byte
	for _, name := range slices.Sorted(maps.Keys(roots)) {
		text = fmt.Appendf(text, "%s %d\n", name, roots[name])
	}
	if len(text) > guardSums-guardRoots-6 {
		return fmt.Errorf("the names of the tables take %d bytes", len(text))
	}
	return g.writeSummed(append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...), guardRoots)
}

// committed follows what a transaction has put into the log.
func (g *guard) committed(seq int64) error {
	if err := g.follow(); err != nil {
		return err
	}
	g.seal(seq)
	return nil
}

// follow reads the heads of the log's new frames. When the log has begun anew
// without us, some other program had it copied: the checksums of the pages it
// held are made up for.
func (g *guard) follow() error {
	if g.log == nil {
		f, err := os.Open(g.path + "-wal")
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		g.log = f
	}
	var salts [8]byte
	if _, err := g.log.ReadAt(salts[:], 16); err != nil {
		return ignoreEnd(err)
	}
	if salts != g.salts {
		if err := g.sum(); err != nil {
			return err
		}
		g.salts, g.next, g.done = salts, 0, 0
	}
	return ignoreEnd(g.newFrames())
}

// newFrames notes the pages of the log's new frames. Several are read together,
// the more the more there have been.
func (g *guard) newFrames() error {
	frame := 24 + g.size
	for n := 2; ; n = min(2*n, sumAtOnce) {
		b := g.buffer(n * frame)
		got, err := g.log.ReadAt(b, 32+g.next*int64(frame))
		for b = b[:got]; len(b) >= 16; b = b[min(frame, len(b)):] {
			if [8]byte(b[8:16]) != g.salts {
				return nil
			}
			g.pages[binary.BigEndian.Uint32(b)] = struct{}{}
			g.next++
		}
		if err != nil {
			return err
		}
	}
}

func (g *guard) buffer(size int) []byte {
	if cap(g.buf) < size {
		g.buf = make([]byte, size)
	}
	return g.buf[:size]
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// sum writes the checksums of the pages that have been copied into the file,
// and syncs them.
func (g *guard) sum() error {
	if len(g.pages) == 0 {
		return nil
	}
	fi, err := g.db.Stat()
	if err != nil {
		return err
	}
	count := uint32(fi.Size() / int64(g.size))
	pages := slices.Sorted(maps.Keys(g.pages))
	for len(pages) > 0 && pages[0] <= count { // the file may have become shorter
		n := 1
		for n < len(pages) && n < sumAtOnce && pages[n] == pages[0]+uint32(n) && pages[n] <= count {
			n++
		}
		if m, err := g.sumRun(pages[0], n); err != nil {
			return err
		} else if int(m) < n {
			return io.ErrUnexpectedEOF
		}
		pages = pages[n:]
	}
	return g.summed(count)
}

// sumAtOnce is how many pages are read together.
const sumAtOnce = 64

// sumRun writes the checksums of up to n pages from first on, and tells of how
// many: at the end of the file, of fewer.
func (g *guard) sumRun(first uint32, n int) (uint32, error) {
	b := g.buffer(n * g.size)
	got, err := g.db.ReadAt(b, int64(first-1)*int64(g.size))
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	sums := make([]byte, 0, 4*n)
	for b := b[:got]; len(b) >= g.size; b = b[g.size:] {
		sums = binary.BigEndian.AppendUint32(sums, checksum(b[:g.size]))
	}
	_, err = g.f.WriteAt(sums, guardSums+4*int64(first-1))
	return uint32(len(sums) / 4), err
}

// summed says, and makes sure, that all of the file's pages have their checksum.
func (g *guard) summed(count uint32) error {
	if err := g.writeHead(count); err != nil {
		return err
	}
	if err := g.f.Sync(); err != nil {
		return err
	}
	clear(g.pages)
	return nil
}

// sumAll makes the checksums of all pages anew.
func (g *guard) sumAll() error {
	fi, err := g.db.Stat()
	if err != nil {
		return err
	}
	count := uint32(fi.Size() / int64(g.size))
	for first := uint32(1); first <= count; {
		n, err := g.sumRun(first, sumAtOnce)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		first += n
	}
	return g.summed(count)
}

// close closes the guard's files. The database must not be open any more.
func (g *guard) close() {
	_ = g.f.Close()
	if g.log != nil {
		_ = g.log.Close()
	}
	if g.db != nil {
		_ = g.db.Close()
	}
}

// openGuard opens the guard's file. Where there is no database yet, it says so
// before there is one: nothing is known of any page.
func (s *Store) openGuard() error {
	open := s.opt.OpenFile
	if open == nil {
		open = func(name string, flag int, perm os.FileMode) (File, error) { return os.OpenFile(name, flag, perm) }
	}
	f, err := open(s.path+guardSuffix, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	s.guard = &guard{f: f, path: s.path, size: defaultPageSize, pages: map[uint32]struct{}{}}
	if fi, err := os.Stat(s.path); err == nil && fi.Size() > 0 || readGuard(f).sealOK {
		return nil
	}
	if err := s.guard.writeHead(0); err != nil {
		return err
	}
	s.guard.seal(0)
	if err := f.Sync(); err != nil {
		return err
	}
	return syncDir(s.path)
}

// defaultPageSize is SQLite's, and flux-core's.
const defaultPageSize = 4096

// startGuard begins to keep the guard, with the database open.
func (s *Store) startGuard(fresh bool) error {
	g := s.guard
	if g == nil {
		return nil
	}
	var err error
	if g.db, err = os.Open(s.path); err != nil {
		return err
	}
	err = query(s.write, "PRAGMA page_size", func(st *stmt) bool {
		g.size = st.ColumnInt(0)
		return false
	})
	if err != nil {
		return err
	}
	if err := g.follow(); err != nil {
		return err
	}
	if fresh {
		if err := s.copyLog(); err != nil {
			return err
		}
		if err := g.sumAll(); err != nil {
			return err
		}
	}
	roots := map[string]uint32{}
	err = query(s.write, "SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0", func(st *stmt) bool {
		roots[st.ColumnText(0)] = uint32(st.ColumnInt64(1))
		return true
	})
	if err != nil {
		return err
	}
	if err := g.writeRoots(roots); err != nil {
		return err
	}
	g.seal(s.state.seq)
	return g.f.Sync() // the head of a new guard is there since openGuard
}

// copyLog copies the write-ahead log into the file, and sums up. Pages that
// somebody still reads stay in the log until the next time.
func (s *Store) copyLog() error {
	frames, copied := 0, 0
	err := sqlitex.ExecuteTransient(s.write, "PRAGMA wal_checkpoint(PASSIVE)", &sqlitex.ExecOptions{
		ResultFunc: func(st *sqlite.Stmt) error {
			frames, copied = st.ColumnInt(1), st.ColumnInt(2)
			return nil
		}})
	s.guard.done = s.guard.next
	if err != nil || copied < frames { // the log is still there, so all is well
		s.guard.done -= int64(s.opt.CheckpointPages) * 7 / 8 // it grows until all is copied: soon again
		return nil
	}
	return s.guard.sum()
}

// guarded is called after each transaction: it seals it, and copies the log
// when it has grown, or at the end. The transaction is durable whatever goes
// wrong here. A guard that cannot be kept is given up, and made anew at the
// next start.
func (s *Store) guarded(end bool) {
	g := s.guard
	if g == nil || g.lost {
		return
	}
	err := g.committed(s.state.seq)
	if err == nil && (end || g.next-g.done >= int64(s.opt.CheckpointPages)) {
		_ = s.giveBack() // an optimization
		if err = g.follow(); err == nil {
			err = s.copyLog()
		}
	}
	if err != nil {
		g.lost = true
		_ = g.f.Truncate(0)
		_ = g.f.Sync()
		_ = exec(s.write, fmt.Sprintf("PRAGMA wal_autocheckpoint=%d", s.opt.CheckpointPages))
	}
}
