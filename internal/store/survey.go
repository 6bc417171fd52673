// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"goflux/internal/store/dbfile"
)

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
