// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"fmt"

	"zombiezen.com/go/sqlite/sqlitex"
)

// spareShare is the share of the file that may be free for what comes next: a
// fourth. What is more goes back to the file system, some with each copying of
// the log.
const spareShare = 4

// giveBack cuts free pages off the file. A file that was not made by us, or not
// for this, keeps them, and uses them again.
func (s *Store) giveBack() error {
	var pages, free int
	for pragma, n := range map[string]*int{"PRAGMA page_count": &pages, "PRAGMA freelist_count": &free} {
		err := query(s.write, pragma, func(st *stmt) bool {
			*n = st.ColumnInt(0)
			return false
		})
		if err != nil {
			return err
		}
	}
	surplus := free - pages/spareShare
	if surplus < s.opt.CheckpointPages/spareShare {
		return nil
	}
	return sqlitex.ExecuteTransient(s.write, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", min(surplus, s.opt.CheckpointPages)), nil)
}
