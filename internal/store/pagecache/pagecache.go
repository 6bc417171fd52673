// SPDX-License-Identifier: LGPL-3.0-or-later

package pagecache

import (
	"encoding/binary"
	"fmt"

	"modernc.org/libc"
	sqlite "modernc.org/sqlite/lib"
)

const (
	// pages bounds what all connections keep in memory: SQLite has each reuse its
	// own when few are left. They are two megabytes, what a single one would keep
	// by itself; twice as many made no difference.
	pages = 512
	// pageSize is that of the store's files. Others' larger pages come from the
	// allocator.
	pageSize = 4096
)

// Sizes in C, in bytes.
const (
	sizeofInt = 4
	argsSize  = 3 * 8 // of three variable arguments
)

// Reserve makes the reserve, for the life of the process. It is to be called
// before anything else is done with SQLite.
func Reserve() error {
	tls := libc.NewTLS()
	defer tls.Close()
	args := tls.Alloc(argsSize)
	defer tls.Free(argsSize)
	head := libc.Xcalloc(tls, 1, sizeofInt)
	defer libc.Xfree(tls, head)
	rc := sqlite.Xsqlite3_config(tls, sqlite.SQLITE_CONFIG_PCACHE_HDRSZ, libc.VaList(args, head))
	if rc != sqlite.SQLITE_OK {
		return fmt.Errorf("SQLite's page header size: result %d", rc)
	}
	slot := pageSize + int32(binary.NativeEndian.Uint32(libc.GoBytes(head, sizeofInt)))
	memory := libc.Xmalloc(tls, libc.Tsize_t(pages*slot))
	if memory == 0 {
		return fmt.Errorf("no %d bytes of memory for SQLite's pages", pages*slot)
	}
	rc = sqlite.Xsqlite3_config(tls, sqlite.SQLITE_CONFIG_PAGECACHE, libc.VaList(args, memory, slot, int32(pages)))
	if rc != sqlite.SQLITE_OK {
		libc.Xfree(tls, memory)
		return fmt.Errorf("SQLite's page cache: result %d; it has been used before", rc)
	}
	return nil
}
