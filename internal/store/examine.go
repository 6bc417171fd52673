// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
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

// survey is what can be read of a database.
type survey struct {
	pages *dbfile.Pages
	roots map[string]uint32
	seq   int64
	rows  map[string]int
	bad   []string // what cannot be read
	stale bool
	// foreign is set when there is a checkpoint that this program did not make.
	foreign bool
	lost    []uint64 // jobs of which the index knows and the table does not
}

func (v *survey) clean() bool { return len(v.bad) == 0 && len(v.lost) == 0 && !v.stale }

// better reports whether v is to be preferred to o.
func (v *survey) better(o *survey, seal int64) bool {
	whole := func(s *survey) bool { return s.clean() && s.seq >= seal }
	switch {
	case whole(v) != whole(o):
		return whole(v)
	case v.seq != o.seq:
		return v.seq > o.seq
	case v.stale != o.stale:
		return o.stale
	}
	return len(v.bad)+len(v.lost) < len(o.bad)+len(o.lost)
}

// tables are those that are saved, and how many columns they have.
var tables = []struct {
	name    string
	columns int
}{
	{"objects", 4}, {"checkpt_v2", 2}, {"goflux_meta", 2}, {"goflux_journal", 2}, {"goflux_active", 3},
	{"goflux_chunk", 5}, {"goflux_job", 8}, {"goflux_import", 3},
}

// survey reads all there is.
func (p *patient) survey(pages *dbfile.Pages) *survey {
	v := &survey{pages: pages, rows: map[string]int{}}
	var err error
	if v.roots, err = dbfile.Roots(pages); err != nil {
		v.bad = append(v.bad, "schema: "+err.Error())
	}
	for name, root := range p.guard.roots {
		if v.roots[name] == 0 {
			v.roots[name] = root
		}
	}
	jobs := map[uint64]bool{}
	v.each(func(table string, r dbfile.Row, err error) {
		switch {
		case err != nil:
			v.bad = append(v.bad, strings.TrimPrefix(table, "goflux_")+": "+err.Error())
		case table == "goflux_job":
			jobs[uint64(r.ID)] = true
		case table == "goflux_journal":
			v.seq = max(v.seq, r.ID)
		}
		if err == nil {
			v.rows[table]++
		}
	})
	v.indexed(func(id uint64) {
		if !jobs[id] {
			v.lost = append(v.lost, id)
		}
	})
	return v
}

// indexed calls fn for the jobs in the index by time.
func (v *survey) indexed(fn func(id uint64)) {
	root := v.roots["goflux_job_by_time"]
	if root == 0 {
		return
	}
	w := dbfile.Walk{Pages: v.pages, Bad: func(uint32, error) {}, Row: func(r dbfile.Row) {
		if len(r.Columns) >= 2 {
			if id, ok := r.Columns[1].(int64); ok {
				fn(uint64(id))
			}
		}
	}}
	w.Table(root)
}

// each calls fn for each record that matches its checksum, and for each that
// does not, or page that cannot be read, with an error.
func (v *survey) each(fn func(table string, r dbfile.Row, err error)) {
	newest := v.newestCheckpoint()
	v.foreign = false
	for _, t := range tables {
		root := v.roots[t.name]
		if root == 0 {
			fn(t.name, dbfile.Row{}, errors.New("the table cannot be found"))
			continue
		}
		w := dbfile.Walk{Pages: v.pages,
			Bad: func(_ uint32, err error) { fn(t.name, dbfile.Row{}, err) },
			Row: func(r dbfile.Row) {
				err := verify(t.name, t.columns, r)
				if t.name == "checkpt_v2" && newest != nil && r.ID > newest.id {
					v.foreign = true
				}
				if t.name == "checkpt_v2" && err == nil && !newest.matches(r) {
					err = fmt.Errorf("checkpoint %d does not match its checksum", r.ID)
				}
				fn(t.name, r, err)
			},
		}
		w.Table(root)
	}
}

// sealedCheckpoint is what is known of the newest checkpoint.
type sealedCheckpoint struct {
	id  int64
	sum uint32
}

func (s *sealedCheckpoint) matches(r dbfile.Row) bool {
	value, _ := r.Columns[1].([]byte)
	return s == nil || r.ID != s.id || checksum(value) == s.sum
}

func (v *survey) newestCheckpoint() (s *sealedCheckpoint) {
	w := dbfile.Walk{Pages: v.pages, Bad: func(uint32, error) {}, Row: func(r dbfile.Row) {
		if len(r.Columns) != 2 || string(text(r, 0)) != metaCheckpoint {
			return
		}
		if b, err := openMeta(metaCheckpoint, text(r, 1)); err == nil && len(b) == 8 {
			n := binary.BigEndian.Uint64(b)
			s = &sealedCheckpoint{int64(n >> 32), uint32(n)}
		}
	}}
	if root := v.roots["goflux_meta"]; root != 0 {
		w.Table(root)
	}
	return s
}

func text(r dbfile.Row, i int) []byte { b, _ := r.Columns[i].([]byte); return b }
func integer(r dbfile.Row, i int) int64 {
	n, _ := r.Columns[i].(int64)
	return n
}

// float is a REAL column, which SQLite stores as an integer where it can.
func float(r dbfile.Row, i int) float64 {
	if n, ok := r.Columns[i].(int64); ok {
		return float64(n)
	}
	f, _ := r.Columns[i].(float64)
	return f
}

// verify checks a row against its checksums.
func verify(table string, columns int, r dbfile.Row) error {
	if len(r.Columns) < columns && (table != "objects" || len(r.Columns) < 3) {
		return fmt.Errorf("row %d has %d columns", r.ID, len(r.Columns))
	}
	switch table {
	case "objects":
		return verifyObject(r)
	case "checkpt_v2":
		if !strings.HasPrefix(string(text(r, 1)), "{") {
			return fmt.Errorf("checkpoint %d is not JSON", r.ID)
		}
	case "goflux_meta":
		if _, err := openMeta(string(text(r, 0)), text(r, 1)); err != nil {
			return fmt.Errorf("value %q: %w", text(r, 0), err)
		}
	case "goflux_journal":
		return verifyRow(fmt.Sprintf("row %d", r.ID), keyOf(r.ID), text(r, 1))
	case "goflux_active":
		id, seq := integer(r, 0), integer(r, 1)
		return verifyRow(fmt.Sprintf("job %d", uint64(id)), keyOf(id, seq), text(r, 2))
	case "goflux_chunk":
		id, name := integer(r, 0), string(text(r, 1))
		if _, err := unpack(keyOf(id, name, integer(r, 2), integer(r, 3)), text(r, 4)); err != nil {
			return fmt.Errorf("job %d: stream %q: %w", uint64(id), name, err)
		}
	case "goflux_job":
		key := keyOf(r.ID, integer(r, 1), integer(r, 2), float(r, 3), string(text(r, 4)), string(text(r, 5)))
		for _, i := range []int{6, 7} {
			if _, err := unpack(key, text(r, i)); err != nil {
				return fmt.Errorf("job %d: %w", uint64(r.ID), err)
			}
		}
	case "goflux_import":
		if _, err := unpack(keyOf(integer(r, 0), string(text(r, 1))), text(r, 2)); err != nil {
			return fmt.Errorf("imported job %d: %w", uint64(integer(r, 0)), err)
		}
	}
	return nil
}

// verifyRow checks the records of a journal row. A damaged one costs itself
// alone when the row is replayed, so only a row that is damaged as a whole is
// left out; see survey.
func verifyRow(what string, key uint32, row []byte) error {
	var bad []error
	if err := decodeRow(key, row, func(r record, err error) {
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: job %d: %s: %w", what, r.id, r.kind, err))
		}
	}); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return errors.Join(bad...)
}

// verifyObject checks an object against its hash, which is SHA-1 or SHA-256.
func verifyObject(r dbfile.Row) error {
	hash := text(r, 0)
	data, err := unpackObject(integer(r, 1), text(r, 2))
	if err != nil {
		return fmt.Errorf("object %x: %w", hash, err)
	}
	switch len(hash) {
	case sha1.Size:
		sum := sha1.Sum(data)
		if bytes.Equal(sum[:], hash) {
			return nil
		}
	case sha256.Size:
		sum := sha256.Sum256(data)
		if bytes.Equal(sum[:], hash) {
			return nil
		}
	}
	return fmt.Errorf("object %x does not match its hash", hash)
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
