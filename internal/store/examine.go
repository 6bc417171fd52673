// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"goflux/internal/store/dbfile"
)

// This file looks at a database before SQLite does, since SQLite takes what it
// finds for true: a write-ahead log that rotted in the middle is one that ends
// there, and what such a log covers of the file is older than the file.

// patient is a database under examination.
type patient struct {
	path  string
	db    *os.File
	size  int64
	wal   *os.File // nil when there is none
	log   *dbfile.Log
	head  dbfile.Head
	guard guardState
	sums  io.ReaderAt
	// unchecked is set when there are more pages than are checked at a start.
	unchecked bool
}

func (p *patient) close() {
	_ = p.db.Close()
	if p.wal != nil {
		_ = p.wal.Close()
	}
}

// examination is what was found out about a database.
type examination struct {
	findings []string // what is wrong, for people
	// from is what the database is to be made anew from; nil when it can stay.
	from *survey
	// check asks for SQLite's own check: what is wrong may lie where nothing
	// is kept, or in an index.
	check bool
	// resum asks for the checksums of all pages to be made anew.
	resum bool
}

// examine looks at a database that nobody has open.
func (p *patient) examine() (*examination, error) {
	x := &examination{}
	headErr := p.readHead()
	if err := p.readLog(); err != nil {
		return nil, err
	}
	guardOK := p.guard.headOK && p.guard.sealOK
	if p.size == 0 && len(p.log.Frames) == 0 && p.guard.seal == 0 {
		return x, nil // it is about to be made
	}
	if !guardOK {
		// The first start with a file of flux-core's that is large does not
		// wait for a check.
		x.check, x.resum = p.guard.exists || p.size <= examineLimit, true
		if p.guard.exists {
			x.findings = append(x.findings, "the checksums of pages are damaged; the structure was checked instead")
		}
	}
	now := p.pages(asSQLite)
	bad := p.badPages(now)
	seq, seqErr := p.lastRow(now)
	found := len(x.findings)
	if headErr != nil {
		x.findings = append(x.findings, headErr.Error())
	}
	if n := len(bad); n > 0 {
		x.findings = append(x.findings, fmt.Sprintf("%d pages do not match their checksums: %s", n, few(bad)))
	}
	if p.log.HeadOK && p.log.Later > 1 || !p.log.HeadOK && p.log.Later > 0 && seq < p.guard.seal {
		x.findings = append(x.findings, fmt.Sprintf("the write-ahead log is damaged at frame %d, %d transactions before its end", p.log.Valid+1, p.log.Later))
	}
	switch {
	case seqErr != nil && p.guard.seal > 0:
		x.findings = append(x.findings, seqErr.Error())
	case seq < p.guard.seal:
		x.findings = append(x.findings, fmt.Sprintf("the last transaction that can be read is %d, but %d has been answered", seq, p.guard.seal))
	}
	if len(x.findings) > found {
		x.decide(p, bad)
	}
	return x, nil
}

// admit opens the files. There is no patient where there is no database.
func (s *Store) admit() (*patient, error) {
	db, err := os.Open(s.path)
	if errors.Is(err, os.ErrNotExist) {
		if readGuard(s.guard.f).seal == 0 {
			return nil, nil
		}
		// There was one: it is looked for in the log, if that is there.
		if db, err = os.OpenFile(s.path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	p := &patient{path: s.path, db: db, guard: readGuard(s.guard.f), sums: s.guard.f}
	fi, err := db.Stat()
	if err != nil {
		p.close()
		return nil, err
	}
	p.size = fi.Size()
	if p.wal, err = os.Open(s.path + "-wal"); err != nil && !errors.Is(err, os.ErrNotExist) {
		p.wal = nil
		p.close()
		return nil, err
	}
	return p, nil
}

// readHead reads the file's head. Where it is damaged, the guard or else the
// default says how large pages are.
func (p *patient) readHead() error {
	b := make([]byte, 100)
	n, _ := p.db.ReadAt(b, 0)
	var err error
	if p.head, err = dbfile.ParseHead(b[:n]); err == nil && (!p.guard.headOK || p.head.PageSize == p.guard.pageSize) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("pages of %d bytes, not %d", p.head.PageSize, p.guard.pageSize)
	}
	p.head = dbfile.Head{PageSize: defaultPageSize, Usable: defaultPageSize}
	if p.guard.headOK {
		p.head.PageSize, p.head.Usable = p.guard.pageSize, p.guard.pageSize
	}
	return err
}

func (p *patient) readLog() error {
	p.log = &dbfile.Log{HeadOK: true}
	if p.wal == nil {
		return nil
	}
	fi, err := p.wal.Stat()
	if err != nil {
		return err
	}
	p.log, err = dbfile.ReadLog(p.wal, fi.Size(), p.head.PageSize)
	return err
}

// What of the log is put over the file.
const (
	asSQLite = iota // what SQLite accepts of it
	noLog
	allFrames // each frame that matches its checksum
)

func (p *patient) pages(how int) *dbfile.Pages {
	pages := dbfile.NewPages(p.db, p.size, p.head)
	if how != noLog {
		pages.Overlay(p.log, how == allFrames)
	}
	return pages
}

// examineLimit is how many bytes of the file are checked at a start: what takes
// half a second, if it has to come from a disk, which nobody notices. More is
// checked when the store is in use.
const examineLimit = 256 << 20

// badPages are the pages of the file that do not match their checksums.
func (p *patient) badPages(pages *dbfile.Pages) (bad []uint32) {
	if !p.guard.headOK {
		return nil
	}
	const chunk = 4096
	count := p.guard.pages
	if most := uint32(examineLimit / p.head.PageSize); count > most {
		count, p.unchecked = most, true
	}
	if n := p.log.Valid; n > 0 {
		count = min(count, pages.Count) // the log says how many there are
	}
	buf := make([]byte, 256*p.head.PageSize)
	for first := uint32(1); first <= count; first += chunk {
		sums := readSums(p.sums, first, min(chunk, count-first+1))
		for i := uint32(0); i < min(chunk, count-first+1); i += 256 {
			n, _ := p.db.ReadAt(buf, int64(first+i-1)*int64(p.head.PageSize))
			for k := i; k < min(i+256, chunk, count-first+1); k++ {
				at := int(k-i) * p.head.PageSize
				whole := at+p.head.PageSize <= n
				if pages.InLog(first + k) {
					continue
				}
				if !whole || int(k) >= len(sums) || checksum(buf[at:at+p.head.PageSize]) != sums[k] {
					bad = append(bad, first+k)
				}
			}
		}
	}
	return bad
}

// lastRow is the number of the last row of the journal.
func (p *patient) lastRow(pages *dbfile.Pages) (seq int64, err error) {
	roots, err := dbfile.Roots(pages)
	root := roots["goflux_journal"]
	if root == 0 {
		root = p.guard.roots["goflux_journal"]
	}
	if root == 0 {
		return 0, errors.Join(err, errors.New("the journal's table cannot be found"))
	}
	w := dbfile.Walk{Pages: pages,
		Row: func(r dbfile.Row) { seq = max(seq, r.ID) },
		Bad: func(_ uint32, e error) { err = cmp.Or(err, fmt.Errorf("journal: %w", e)) },
	}
	w.Table(root)
	return seq, err
}

// decide chooses what the database is to be made anew from, if it must be.
func (x *examination) decide(p *patient, bad []uint32) {
	var best *survey
	for _, how := range []int{asSQLite, noLog, allFrames} {
		if how != asSQLite && len(p.log.Frames) == 0 {
			continue
		}
		pages := p.pages(how)
		v := p.survey(pages)
		if how == noLog {
			v.stale = len(p.badPages(pages)) > 0
		}
		if best == nil || v.better(best, p.guard.seal) {
			best = v
		}
		if how == asSQLite && len(bad) > 0 && v.clean() && v.seq >= p.guard.seal && p.log.Later < 2 {
			// Every record can be read: what differs lies where nothing is
			// kept, in an index, or was changed by another program.
			x.check, x.resum = true, true
			if v.foreign {
				x.findings = []string{"another program has written to the database since; all records could be read"}
			} else {
				x.findings = append(x.findings, "all records could be read")
			}
			return
		}
	}
	x.from = best
}

// few lists some of many numbers.
func few[T any](list []T) string {
	const most = 8
	s := fmt.Sprint(list[:min(len(list), most)])
	if len(list) > most {
		s = strings.TrimSuffix(s, "]") + " …]"
	}
	return s
}
