// SPDX-License-Identifier: LGPL-3.0-or-later

package pagecache

import (
	"encoding/binary"
	"path/filepath"
	"testing"

	"modernc.org/libc"
	sqlite "modernc.org/sqlite/lib"
	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// used is how many pages of the reserve are.
func used(t *testing.T) int32 {
	t.Helper()
	tls := libc.NewTLS()
	defer tls.Close()
	of := libc.Xcalloc(tls, 2, sizeofInt)
	defer libc.Xfree(tls, of)
	if rc := sqlite.Xsqlite3_status(tls, sqlite.SQLITE_STATUS_PAGECACHE_USED, of, of+sizeofInt, 0); rc != sqlite.SQLITE_OK {
		t.Fatal(rc)
	}
	return int32(binary.NativeEndian.Uint32(libc.GoBytes(of, sizeofInt)))
}

// TestReserve: a database's pages are in the reserve, which can only be made
// before there is one.
func TestReserve(t *testing.T) {
	if err := Reserve(); err != nil {
		t.Fatal(err)
	}
	c, err := zombiezen.OpenConn(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = sqlitex.ExecuteScript(c, `CREATE TABLE t(a);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 1000) INSERT INTO t SELECT randomblob(500) FROM n;`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := used(t); n < 100 || n > pages {
		t.Errorf("%d pages of the reserve are used", n)
	}
	if Reserve() == nil {
		t.Error("a second reserve took the place of one in use")
	}
}
