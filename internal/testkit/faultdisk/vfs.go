// SPDX-License-Identifier: LGPL-3.0-or-later

package faultdisk

import (
	"fmt"
	"strings"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// VFS is the name under which SQLite finds the recording file system.
const VFS = "faultdisk"

// openFile is a file that SQLite has open through us.
type openFile struct {
	name    string
	disk    *Disk   // nil when nobody watches
	methods uintptr // of the file system below
	main    bool    // the database itself
	synced  bool
}

var vfs struct {
	once    sync.Once
	below   uintptr // the default VFS
	methods uintptr // our table, made of the first file's

	mu    sync.Mutex
	files map[uintptr]*openFile
	disks []*Disk
}

// register makes the VFS known to SQLite.
func register() {
	vfs.once.Do(func() {
		vfs.files = map[uintptr]*openFile{}
		tls := libc.NewTLS() // lives as long as the process, as the VFS does
		vfs.below = sqlite3.Xsqlite3_vfs_find(tls, 0)
		if vfs.below == 0 {
			panic("faultdisk: SQLite has no file system")
		}
		own := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})))
		v := *(**sqlite3.Tsqlite3_vfs)(unsafe.Pointer(&own))
		*v = *belowVFS()
		name, err := libc.CString(VFS)
		if err != nil {
			panic(err)
		}
		v.FzName, v.FpNext = name, 0
		v.FxOpen = *(*uintptr)(unsafe.Pointer(&struct {
			f func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32
		}{open}))
		v.FxDelete = *(*uintptr)(unsafe.Pointer(&struct {
			f func(*libc.TLS, uintptr, uintptr, int32) int32
		}{remove}))
		if rc := sqlite3.Xsqlite3_vfs_register(tls, own, 0); rc != sqlite3.SQLITE_OK {
			panic(fmt.Sprintf("faultdisk: registering the VFS: %d", rc))
		}
	})
}

func belowVFS() *sqlite3.Tsqlite3_vfs {
	return *(**sqlite3.Tsqlite3_vfs)(unsafe.Pointer(&vfs.below))
}

func methodsAt(p uintptr) *sqlite3.Tsqlite3_io_methods {
	return *(**sqlite3.Tsqlite3_io_methods)(unsafe.Pointer(&p))
}

// fileMethods is the first word of an open sqlite3_file.
func fileMethods(file uintptr) *uintptr { return *(**uintptr)(unsafe.Pointer(&file)) }

// watcher is who watches a path, or nil.
func watcher(path string) *Disk {
	for _, d := range vfs.disks {
		if strings.HasPrefix(path, d.dir) {
			return d
		}
	}
	return nil
}

// open has the file system below open the file and puts our table of methods
// in place of its own.
func open(tls *libc.TLS, _, name, file uintptr, flags int32, outFlags uintptr) int32 {
	f := belowVFS().FxOpen
	rc := (*(*func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32)(unsafe.Pointer(&struct{ uintptr }{f})))(
		tls, vfs.below, name, file, flags, outFlags)
	if rc != sqlite3.SQLITE_OK || name == 0 {
		return rc
	}
	vfs.mu.Lock()
	defer vfs.mu.Unlock()
	at := fileMethods(file)
	path := libc.GoString(name)
	vfs.files[file] = &openFile{name: path, disk: watcher(path), methods: *at, main: flags&sqlite3.SQLITE_OPEN_MAIN_DB != 0}
	if vfs.methods == 0 {
		vfs.methods = ownMethods(tls, *at)
	}
	*at = vfs.methods
	return rc
}

// ownMethods is the table of the file system below with our functions in it.
func ownMethods(tls *libc.TLS, below uintptr) uintptr {
	p := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
	m := methodsAt(p)
	*m = *methodsAt(below)
	m.FxClose = *(*uintptr)(unsafe.Pointer(&struct {
		f func(*libc.TLS, uintptr) int32
	}{closeFile}))
	m.FxWrite = *(*uintptr)(unsafe.Pointer(&struct {
		f func(*libc.TLS, uintptr, uintptr, int32, int64) int32
	}{write}))
	m.FxTruncate = *(*uintptr)(unsafe.Pointer(&struct {
		f func(*libc.TLS, uintptr, int64) int32
	}{truncate}))
	m.FxSync = *(*uintptr)(unsafe.Pointer(&struct {
		f func(*libc.TLS, uintptr, int32) int32
	}{syncFile}))
	return p
}

func lookup(file uintptr) *openFile {
	vfs.mu.Lock()
	defer vfs.mu.Unlock()
	return vfs.files[file]
}

func closeFile(tls *libc.TLS, file uintptr) int32 {
	vfs.mu.Lock()
	f := vfs.files[file]
	delete(vfs.files, file)
	vfs.mu.Unlock()
	return (*(*func(*libc.TLS, uintptr) int32)(unsafe.Pointer(&struct{ uintptr }{methodsAt(f.methods).FxClose})))(tls, file)
}

func write(tls *libc.TLS, file, buf uintptr, n int32, off int64) int32 {
	f := lookup(file)
	if f.disk != nil {
		data := append([]byte(nil), unsafe.Slice(*(**byte)(unsafe.Pointer(&buf)), int(n))...)
		if err := f.disk.note(Op{Kind: Write, Path: f.name, Off: off, Data: data}); err != nil {
			return code(err, sqlite3.SQLITE_IOERR_WRITE)
		}
	}
	return (*(*func(*libc.TLS, uintptr, uintptr, int32, int64) int32)(unsafe.Pointer(&struct{ uintptr }{methodsAt(f.methods).FxWrite})))(
		tls, file, buf, n, off)
}

func truncate(tls *libc.TLS, file uintptr, size int64) int32 {
	f := lookup(file)
	if f.disk != nil {
		if err := f.disk.note(Op{Kind: Truncate, Path: f.name, Off: size}); err != nil {
			return code(err, sqlite3.SQLITE_IOERR_TRUNCATE)
		}
	}
	return (*(*func(*libc.TLS, uintptr, int64) int32)(unsafe.Pointer(&struct{ uintptr }{methodsAt(f.methods).FxTruncate})))(tls, file, size)
}

func syncFile(tls *libc.TLS, file uintptr, flags int32) int32 {
	f := lookup(file)
	if f.disk != nil {
		// SQLite syncs the directory with the first sync of a journal or log.
		first := !f.synced && !f.main
		f.synced = true
		if err := f.disk.note(Op{Kind: Sync, Path: f.name, DirSync: first}); err != nil {
			return code(err, sqlite3.SQLITE_IOERR_FSYNC)
		}
		return sqlite3.SQLITE_OK // the record knows; a real sync would cost time for nothing
	}
	return (*(*func(*libc.TLS, uintptr, int32) int32)(unsafe.Pointer(&struct{ uintptr }{methodsAt(f.methods).FxSync})))(tls, file, flags)
}

func remove(tls *libc.TLS, _, name uintptr, syncDir int32) int32 {
	path := libc.GoString(name)
	vfs.mu.Lock()
	d := watcher(path)
	vfs.mu.Unlock()
	if d != nil {
		if err := d.note(Op{Kind: Remove, Path: path, DirSync: syncDir != 0}); err != nil {
			return code(err, sqlite3.SQLITE_IOERR_DELETE)
		}
	}
	f := belowVFS().FxDelete
	return (*(*func(*libc.TLS, uintptr, uintptr, int32) int32)(unsafe.Pointer(&struct{ uintptr }{f})))(tls, vfs.below, name, syncDir)
}
