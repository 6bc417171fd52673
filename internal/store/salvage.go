// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"goflux/internal/message"
	"goflux/internal/store/dbfile"
)

// A damaged database is made anew from what can be read of it. The new one is
// complete, and synced, under a name of its own before the damaged one goes; it
// is under its final name before it is opened. A crash in between leaves the one
// or the other.

const (
	// draftSuffix is for a database that is being made.
	draftSuffix = ".draft"
	// salvagedSuffix is for one that is complete.
	salvagedSuffix = ".salvaged"
)

// heal examines the database, and makes it anew if that is needed.
func (s *Store) heal() error {
	if !s.opt.Lasting {
		return nil
	}
	if err := s.finishSalvage(); err != nil {
		return err
	}
	if err := s.openGuard(); err != nil {
		return err
	}
	p, err := s.admit()
	if err != nil || p == nil {
		return err
	}
	defer func() { p.close() }()
	x, err := p.examine()
	if err != nil {
		return err
	}
	if x.check && x.from == nil {
		if wrong := s.ownCheck(); wrong != nil {
			x.findings = append(x.findings, "SQLite finds: "+few(wrong))
			p.close() // SQLite has copied the log
			if p, err = s.admit(); err != nil {
				return err
			}
			if _, err = p.examine(); err != nil {
				return err
			}
			x.from = p.survey(p.pages(asSQLite))
		}
	}
	s.resum, s.unchecked = x.resum, p.unchecked
	if x.from == nil {
		s.findings = x.findings
		return nil
	}
	if err := s.salvage(x); err != nil {
		return message.Errorf(message.Errno(err), "%s is damaged (%s), and could not be made anew: %v", s.path, strings.Join(x.findings, "; "), err)
	}
	s.salvaged = true
	return nil
}

// ownCheck runs SQLite's check, which finds what does not fit together.
func (s *Store) ownCheck() (wrong []string) {
	c, err := s.connect(sqlite.OpenReadWrite | sqlite.OpenCreate)
	if err == nil {
		err = sqlitex.ExecuteTransient(c, "PRAGMA integrity_check", &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
			if t := st.ColumnText(0); t != "ok" {
				wrong = append(wrong, t)
			}
			return nil
		}})
		_ = c.Close()
	}
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	return wrong
}

// salvage makes the database anew from what can be read.
func (s *Store) salvage(x *examination) error {
	v := x.from
	now := time.Now()
	draft := s.path + draftSuffix
	if err := os.RemoveAll(draft); err != nil {
		return err
	}
	aside := s.path + ".damaged-" + now.UTC().Format("20060102T150405.000Z")
	s.findings = findingsOf(x, aside)
	if err := s.writeDraft(draft, v); err != nil {
		return err
	}
	for from, to := range map[string]string{s.path: aside, s.path + "-wal": aside + "-wal"} {
		if err := os.Link(from, to); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(draft, s.path+salvagedSuffix); err != nil {
		return err
	}
	if err := syncDir(s.path); err != nil {
		return err
	}
	s.guard.close()
	if err := s.finishSalvage(); err != nil {
		return err
	}
	s.resum = true
	return s.openGuard()
}

// finishSalvage puts a new database in the place of the damaged one. The log
// goes first: it would be taken for the new one's.
func (s *Store) finishSalvage() error {
	made := s.path + salvagedSuffix
	if _, err := os.Stat(made); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, suffix := range []string{"-wal", "-shm", "-journal", guardSuffix} {
		if err := os.Remove(s.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := syncDir(s.path); err != nil {
		return err
	}
	if err := os.Rename(made, s.path); err != nil {
		return err
	}
	return syncDir(s.path)
}

func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// maxFindings bounds a report.
const maxFindings = 200

// findingsOf is the report on a database that was made anew.
func findingsOf(x *examination, aside string) []string {
	v := x.from
	out := append([]string{"the damaged database is " + aside}, x.findings...)
	for i, b := range v.bad {
		if i == maxFindings {
			out = append(out, fmt.Sprintf("and %d more", len(v.bad)-i))
			break
		}
		out = append(out, "set aside: "+b)
	}
	if len(v.lost) > 0 {
		out = append(out, fmt.Sprintf("%d finished jobs are lost: %s", len(v.lost), few(v.lost)))
	}
	if v.stale {
		out = append(out, "some pages may be of an older state")
	}
	var kept []string
	for _, t := range tables {
		kept = append(kept, fmt.Sprintf("%d of %s", v.rows[t.name], t.name))
	}
	return append(out, "saved rows: "+strings.Join(kept, ", "))
}

// writeDraft makes a database of what can be read.
func (s *Store) writeDraft(path string, v *survey) error {
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return wrap("opening "+path, err)
	}
	err = func() error {
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		for _, p := range []string{"PRAGMA auto_vacuum=INCREMENTAL", "PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF"} {
			if err := sqlitex.ExecuteTransient(c, p, nil); err != nil {
				return err
			}
		}
		if err := sqlitex.ExecuteScript(c, schema, nil); err != nil {
			return err
		}
		if err := exec(c, "BEGIN"); err != nil {
			return err
		}
		if err := copyRows(c, v); err != nil {
			return err
		}
		if len(v.bad) > 0 {
			mended, err := mendTree(c)
			if err != nil {
				return err
			}
			s.findings = append(s.findings, mended...)
		}
		if err := writeReport(c, time.Now(), s.findings); err != nil {
			return err
		}
		return exec(c, "COMMIT")
	}()
	if cerr := c.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return wrap("writing "+path, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// copyRows copies what matches its checksums. A journal row of which one record
// is damaged is copied, too: its other records are good.
func copyRows(c *conn, v *survey) error {
	tally := map[tallyKey]int64{}
	var failed error
	v.each(func(table string, r dbfile.Row, err error) {
		if failed != nil || err != nil && !partlyGood(table, r) {
			return
		}
		if table == "goflux_job" {
			tally[tallyKey{string(text(r, 5)), int(integer(r, 2))}]++
		}
		failed = copyRow(c, table, r)
	})
	if failed != nil {
		return failed
	}
	for k, n := range tally {
		if err := exec(c, "INSERT INTO goflux_tally(queue,result,n) VALUES (?,?,?)", k.queue, int64(k.result), n); err != nil {
			return err
		}
	}
	return nil
}

func partlyGood(table string, r dbfile.Row) bool {
	ignore := func(record, error) {}
	switch {
	case table == "goflux_journal" && len(r.Columns) == 2:
		return decodeRow(keyOf(r.ID), text(r, 1), ignore) == nil
	case table == "goflux_active" && len(r.Columns) == 3:
		return decodeRow(keyOf(integer(r, 0), integer(r, 1)), text(r, 2), ignore) == nil
	}
	return false
}

func copyRow(c *conn, table string, r dbfile.Row) error {
	str := func(i int) string { return string(text(r, i)) }
	switch table {
	case "objects":
		epoch := int64(0)
		if len(r.Columns) > 3 {
			epoch = integer(r, 3)
		}
		return exec(c, "INSERT OR IGNORE INTO objects(hash,size,object,epoch) VALUES (?,?,?,?)", str(0), integer(r, 1), text(r, 2), epoch)
	case "checkpt_v2":
		return exec(c, "INSERT OR IGNORE INTO checkpt_v2(id,value) VALUES (?,?)", r.ID, str(1))
	case "goflux_meta":
		return exec(c, "INSERT OR IGNORE INTO goflux_meta(key,value) VALUES (?,?)", str(0), text(r, 1))
	case "goflux_journal":
		return exec(c, "INSERT OR IGNORE INTO goflux_journal(seq,data) VALUES (?,?)", r.ID, text(r, 1))
	case "goflux_active":
		return exec(c, "INSERT OR IGNORE INTO goflux_active(id,seq,data) VALUES (?,?,?)", integer(r, 0), integer(r, 1), text(r, 2))
	case "goflux_chunk":
		return exec(c, "INSERT INTO goflux_chunk(id,name,offset,size,data) VALUES (?,?,?,?,?)", integer(r, 0), str(1), integer(r, 2), integer(r, 3), text(r, 4))
	case "goflux_job":
		return exec(c, "INSERT OR IGNORE INTO goflux_job(id,userid,result,t_inactive,name,queue,info,records) VALUES (?,?,?,?,?,?,?,?)",
			r.ID, integer(r, 1), integer(r, 2), float(r, 3), str(4), str(5), text(r, 6), text(r, 7))
	case "goflux_import":
		return exec(c, "INSERT OR IGNORE INTO goflux_import(id,name,data) VALUES (?,?,?)", integer(r, 0), str(1), text(r, 2))
	}
	panic("store: no table " + table)
}

// reportPrefix is the keys of the values that are reports on damage; they end
// in the time.
const reportPrefix = "damage."

// maxReports is how many reports are kept.
const maxReports = 16

// writeReport keeps a report on damage in the database.
func writeReport(c *conn, now time.Time, findings []string) error {
	key := reportPrefix + now.UTC().Format(time.RFC3339Nano)
	err := exec(c, "INSERT OR REPLACE INTO goflux_meta(key,value) VALUES (?,?)", key, sealMeta(key, []byte(strings.Join(findings, "\n"))))
	if err != nil {
		return err
	}
	return exec(c, "DELETE FROM goflux_meta WHERE key IN (SELECT key FROM goflux_meta WHERE key LIKE 'damage.%' ORDER BY key DESC LIMIT -1 OFFSET ?)",
		int64(maxReports))
}

// Report is what was found damaged at a start.
type Report struct {
	Time  string // RFC 3339, UTC
	Lines []string
}

// Reports are those on damage found so far, the oldest first. It blocks for the
// disk.
func (s *Store) Reports() ([]Report, error) {
	meta, err := s.Meta()
	if err != nil {
		return nil, err
	}
	var out []Report
	for key, value := range meta {
		if at, ok := strings.CutPrefix(key, reportPrefix); ok {
			out = append(out, Report{at, strings.Split(string(value), "\n")})
		}
	}
	slices.SortFunc(out, func(a, b Report) int { return strings.Compare(a.Time, b.Time) })
	return out, nil
}
