// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// schema creates what is missing. The first two tables are flux-core's.
//
// goflux_journal: a row a group commit, see journal.go.
// goflux_active:  journal records of active jobs, folded out of the journal.
// goflux_chunk:   pieces of appended streams (job 0 is the instance itself).
// goflux_job:     finished jobs; the index holds every column one filters by,
// so a filter that matches little reads no job records.
// goflux_tally:   finished jobs counted by queue and result.
// goflux_import:  keys of jobs of another instance, until the job services take
// them over.
const schema = `
CREATE TABLE IF NOT EXISTS objects(
  hash BLOB PRIMARY KEY,
  size INT,
  object BLOB,
  epoch INT DEFAULT 0
);
CREATE TABLE IF NOT EXISTS checkpt_v2(
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  value TEXT
);
CREATE TABLE IF NOT EXISTS goflux_meta(
  key TEXT PRIMARY KEY,
  value BLOB
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS goflux_journal(
  seq INTEGER PRIMARY KEY,
  data BLOB
);
CREATE TABLE IF NOT EXISTS goflux_active(
  id INTEGER,
  seq INTEGER,
  data BLOB,
  PRIMARY KEY(id, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS goflux_chunk(
  id INTEGER,
  name TEXT,
  offset INTEGER,
  size INTEGER,
  data BLOB
);
CREATE INDEX IF NOT EXISTS goflux_chunk_at ON goflux_chunk(id, name, offset, size);
CREATE TABLE IF NOT EXISTS goflux_job(
  id INTEGER PRIMARY KEY,
  userid INTEGER,
  result INTEGER,
  t_inactive REAL,
  name TEXT,
  queue TEXT,
  info BLOB,
  records BLOB
);
CREATE INDEX IF NOT EXISTS goflux_job_by_time
  ON goflux_job(t_inactive, id, userid, result, name, queue);
CREATE TABLE IF NOT EXISTS goflux_tally(
  queue TEXT,
  result INTEGER,
  n INTEGER,
  PRIMARY KEY(queue, result)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS goflux_import(
  id INTEGER,
  name TEXT,
  data BLOB,
  PRIMARY KEY(id, name)
);
`

// migrate brings the tables of an older or fresh file up to date.
func migrate(c *sqlite.Conn) error {
	if err := sqlitex.ExecuteScript(c, schema, nil); err != nil {
		return err
	}
	if err := addEpochColumn(c); err != nil {
		return err
	}
	return migrateOldCheckpoint(c)
}

// addEpochColumn: files of flux-core before 0.88 have no epoch.
func addEpochColumn(c *sqlite.Conn) error {
	found := false
	err := sqlitex.ExecuteTransient(c, "PRAGMA table_info(objects)", &sqlitex.ExecOptions{
		ResultFunc: func(s *sqlite.Stmt) error {
			found = found || s.ColumnText(1) == "epoch"
			return nil
		}})
	if err != nil || found {
		return err
	}
	return sqlitex.ExecuteTransient(c, "ALTER TABLE objects ADD COLUMN epoch INT DEFAULT 0", nil)
}

// migrateOldCheckpoint moves the one checkpoint of the older table checkpt,
// whose key is kvs-primary, to checkpt_v2.
func migrateOldCheckpoint(c *sqlite.Conn) error {
	var value string
	found := false
	err := sqlitex.ExecuteTransient(c, "SELECT value FROM checkpt WHERE key = 'kvs-primary'", &sqlitex.ExecOptions{
		ResultFunc: func(s *sqlite.Stmt) error {
			value, found = s.ColumnText(0), true
			return nil
		}})
	if err != nil {
		if strings.Contains(err.Error(), "no such table") {
			return nil
		}
		return err
	}
	if found {
		if !strings.HasPrefix(value, "{") {
			return fmt.Errorf("table checkpt holds a version 0 checkpoint, which is not supported")
		}
		if err := exec(c, "INSERT INTO checkpt_v2 (value) VALUES (?)", value); err != nil {
			return err
		}
	}
	return sqlitex.ExecuteTransient(c, "DROP TABLE checkpt", nil)
}
