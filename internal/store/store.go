// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"goflux/internal/message"
)

// FileName is the database's name in statedir, which is flux-core's.
const FileName = "content.sqlite"

// DefaultCheckpoints is how many checkpoints are kept (flux-core's default).
const DefaultCheckpoints = 5

// Options say how a store is opened.
type Options struct {
	// Lasting is for a statedir that outlives the instance: commits survive
	// power loss. Otherwise they survive the process only.
	Lasting bool
	// MaxCheckpoints is how many checkpoints are kept; 0 is DefaultCheckpoints.
	MaxCheckpoints int
	// Hook, for tests, is called around each transaction with "begin",
	// "commit" (before it) and "synced" (after it, before the answers). An
	// error of the first two fails the transaction.
	Hook func(point string) error
	// Wake, for simulation, takes the place of the store's own goroutine: it is
	// told, on the committer's goroutine, that [Store.Write] has something to do.
	Wake func()
	// VFS, for tests, is the name of SQLite's file system; "" is its own.
	VFS string
	// OpenFile, for tests, opens the store's files beside the database; nil is
	// the operating system.
	OpenFile func(name string, flag int, perm os.FileMode) (File, error)
	// Space, for tests, tells the bytes free and in all on the disk of a
	// directory.
	Space func(dir string) (free, total int64, err error)
	// CheckpointPages is how long the write-ahead log grows before its pages
	// are copied into the file; 0 is DefaultCheckpointPages.
	CheckpointPages int
	// Patience, for tests, takes the place of [Patience]; 0 is that.
	Patience time.Duration
}

// Patience is how long a batch that nobody waits for waits for company. A short
// job's start is written with its end, and that with the next one's allocation.
const Patience = 50 * time.Millisecond

// patientMost bounds how many batches wait, and so what is written at once.
const patientMost = 256

// DefaultCheckpointPages is SQLite's own default: 4 MB.
const DefaultCheckpointPages = 1000

// File is a file beside the database.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// Store is an open database. Its methods may be called from any goroutine.
type Store struct {
	path  string
	opt   Options
	lock  *os.File
	write *sqlite.Conn // the writer's
	read  chan *sqlite.Conn

	mu      sync.Mutex
	wake    sync.Cond
	queue   []commit
	hurry   bool        // what is queued is to be written now
	patient *time.Timer // sets hurry; nil where Wake is set
	closing bool
	sync    string // SQLite's synchronous as it is now
	done    chan struct{}

	// What follows belongs to the writer, which changes it under mu: readers
	// see some of it.
	active      map[uint64]*activeJob // 0 is the instance
	state       counters
	maxCheckpts int
	recovered   *Recovered // until Recover takes it
	guard       *guard     // of a lasting store
	findings    []string   // of the examination
	unchecked   bool       // it did not check all pages
	resum       bool       // it asks for new checksums of all pages
	salvaged    bool       // the report is in the new database
	full        bool       // the last transaction that failed found the disk full
	reserve     *reserve   // of a lasting store
	broken      error      // every later commit fails with it
	jobsBroken  error      // every later commit with changes of jobs does
}

// counters are the numbers a transaction advances.
type counters struct {
	seq          int64 // the last journal row
	journalBytes int64
	epoch        int64 // of objects being stored: the newest checkpoint's id
	advancing    int64 // the checkpoint that PutCheckpoint's replace writes over, or 0
}

// readers is the number of reading connections: a few, for those who load
// content while somebody lists jobs.
const readers = 3

// busyTimeout is how long a statement waits for another process to let go of
// the file, a backup for instance.
const busyTimeout = 5 * time.Second

// Open opens or creates the database at path. EBUSY when another broker has it
// open. A file that is not a database is EIO.
func Open(path string, opt Options) (*Store, error) {
	if opt.MaxCheckpoints == 0 {
		opt.MaxCheckpoints = DefaultCheckpoints
	}
	if opt.CheckpointPages == 0 {
		opt.CheckpointPages = DefaultCheckpointPages
	}
	if opt.Patience == 0 {
		opt.Patience = Patience
	}
	s := &Store{
		path: path, opt: opt, read: make(chan *sqlite.Conn, readers),
		done: make(chan struct{}), active: map[uint64]*activeJob{0: {}},
		maxCheckpts: opt.MaxCheckpoints,
	}
	s.sync = s.synchronous()
	s.wake.L = &s.mu
	if err := s.open(); err != nil {
		s.closeConns()
		return nil, err
	}
	if opt.Wake == nil {
		s.patient = time.AfterFunc(s.opt.Patience, s.hasten)
		go s.writer()
	} else {
		close(s.done)
	}
	return s, nil
}

func (s *Store) open() error {
	var err error
	if s.lock, err = takeLock(s.path); err != nil {
		return err
	}
	if err := s.heal(); err != nil {
		return err
	}
	if s.reserve, err = newReserve(s.path, s.opt.Lasting, s.opt.Space); err != nil {
		return err
	}
	if s.opt.Lasting {
		s.opt.CheckpointPages = s.reserve.logPages(s.opt.CheckpointPages)
	}
	// SQLite would make the file for everyone to read.
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	_ = f.Close() // nothing was written, and SQLite holds no locks yet
	if s.write, err = s.connect(sqlite.OpenReadWrite | sqlite.OpenCreate); err != nil {
		return err
	}
	if err := migrate(s.write); err != nil {
		return wrap("preparing "+s.path, err)
	}
	if err := s.loadState(); err != nil {
		return wrap("reading "+s.path, err)
	}
	if err := s.reportFindings(); err != nil {
		return wrap("writing "+s.path, err)
	}
	if err := s.startGuard(s.resum); err != nil {
		return fmt.Errorf("writing %s%s: %w", s.path, guardSuffix, err)
	}
	for range readers {
		if s.opt.Wake != nil { // one goroutine: what it reads, it may read as it writes
			s.read <- s.write
			continue
		}
		c, err := s.connect(sqlite.OpenReadWrite)
		if err != nil {
			return err
		}
		s.read <- c
	}
	return nil
}

func (s *Store) connect(flags sqlite.OpenFlags) (*sqlite.Conn, error) {
	path := s.path
	if s.opt.VFS != "" {
		path = (&url.URL{Scheme: "file", Path: path, RawQuery: "vfs=" + url.QueryEscape(s.opt.VFS)}).String()
		flags |= sqlite.OpenURI
	}
	c, err := sqlite.OpenConn(path, flags)
	if err != nil {
		return nil, wrap("opening "+s.path, err)
	}
	c.SetBusyTimeout(busyTimeout)
	locking := "NORMAL"
	if s.opt.Wake != nil { // it is the only connection
		locking = "EXCLUSIVE"
	}
	for _, p := range []string{
		"PRAGMA locking_mode=" + locking,
		"PRAGMA auto_vacuum=INCREMENTAL", // for a new file; an old one stays as it is
		"PRAGMA journal_mode=WAL", "PRAGMA synchronous=" + s.synchronous(),
		fmt.Sprintf("PRAGMA wal_autocheckpoint=%d", s.autoCheckpoint()),
		// A log that has once been longer gives the rest back when it begins anew.
		fmt.Sprintf("PRAGMA journal_size_limit=%d", s.opt.CheckpointPages*defaultPageSize),
	} {
		if err := sqlitex.ExecuteTransient(c, p, nil); err != nil {
			_ = c.Close()
			return nil, wrap("opening "+s.path, err)
		}
	}
	return c, nil
}

// autoCheckpoint is when SQLite copies the log by itself: never, where the guard
// has to know.
func (s *Store) autoCheckpoint() int {
	if s.opt.Lasting {
		return 0
	}
	return s.opt.CheckpointPages
}

func (s *Store) synchronous() string {
	if s.opt.Lasting {
		return "FULL"
	}
	return "OFF"
}

// Modes are SQLite's journal_mode and synchronous as the store runs.
func (s *Store) Modes() (journal, synchronous string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "WAL", s.sync
}

// SetSynchronous changes SQLite's synchronous mode: OFF, NORMAL, FULL or
// EXTRA, or "" for the one the store was opened with. Below FULL, what has been
// answered can be lost with the power: that is for an administrator to choose.
// EINVAL for another word. It blocks.
func (s *Store) SetSynchronous(mode string) error {
	switch mode {
	case "":
		mode = s.synchronous()
	case "OFF", "NORMAL", "FULL", "EXTRA":
	default:
		return message.Errorf(syscall.EINVAL, "synchronous: %q is none of OFF, NORMAL, FULL, EXTRA", mode)
	}
	return s.between(func() error {
		if err := sqlitex.ExecuteTransient(s.write, "PRAGMA synchronous="+mode, nil); err != nil {
			return wrap("setting synchronous", err)
		}
		s.mu.Lock()
		s.sync = mode
		s.mu.Unlock()
		return nil
	})
}

// between runs fn on the writer's goroutine, between transactions and after
// what has been committed, and waits for it.
func (s *Store) between(fn func() error) error {
	ch := make(chan error, 1)
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return message.Errorf(syscall.ESHUTDOWN, "the store is closed")
	}
	s.enqueue(commit{direct: fn, done: func(err error) { ch <- err }})
	s.mu.Unlock()
	s.writeNow()
	return <-ch
}

// reportFindings keeps what the examination found, and tells those who recover.
func (s *Store) reportFindings() error {
	if len(s.findings) > 0 && !s.salvaged {
		if err := writeReport(s.write, time.Now(), s.findings); err != nil {
			return err
		}
	}
	return nil
}

// Path is the file's path.
func (s *Store) Path() string { return s.path }

// Close makes durable what has been committed and closes the file.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		<-s.done
		return nil
	}
	s.closing = true
	s.wake.Signal()
	s.mu.Unlock()
	s.writeNow()
	<-s.done
	for range readers {
		s.closeReader(<-s.read)
	}
	close(s.read) // nobody holds one, so nobody will put one back
	return s.closeConns()
}

func (s *Store) closeReader(c *sqlite.Conn) {
	if c != s.write {
		_ = c.Close()
	}
}

// closeConns closes the writer's connection; SQLite folds the write-ahead log
// into the file when the last one goes.
func (s *Store) closeConns() error {
	for len(s.read) > 0 {
		s.closeReader(<-s.read)
	}
	var err error
	if s.write != nil {
		if s.guard != nil && s.guard.db != nil {
			s.guarded(true)
		}
		err = s.write.Close()
	}
	if s.guard != nil {
		s.guard.close()
	}
	if s.lock != nil {
		_ = s.lock.Close()
	}
	return wrap("closing "+s.path, err)
}

// takeLock keeps a second broker out. The lock is on a file of its own: a
// descriptor of the database closed here would drop SQLite's locks.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, message.Errorf(syscall.EBUSY, "%s is in use by another broker", path)
	}
	return f, nil
}

// Remove deletes the database at path, damaged or not. EBUSY when it is open.
func Remove(path string) error {
	lock, err := takeLock(path)
	if err != nil {
		return err
	}
	defer lock.Close()
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", guardSuffix, draftSuffix, salvagedSuffix, reserveSuffix} {
		if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("removing %s: %w", path, err)
		}
	}
	return nil
}

// describe keeps our own errors and wraps SQLite's.
func describe(op string, err error) error {
	var own *message.Error
	if errors.As(err, &own) {
		return err
	}
	var num syscall.Errno
	if errors.As(err, &num) && !strings.HasPrefix(err.Error(), "sqlite") {
		return err
	}
	return wrap(op, err)
}

// reader runs fn with a reading connection.
func (s *Store) reader(op string, fn func(c *sqlite.Conn) error) error {
	c, ok := <-s.read
	if !ok {
		return message.Errorf(syscall.ESHUTDOWN, "the store is closed")
	}
	defer func() { s.read <- c }()
	if err := fn(c); err != nil {
		return describe(op, err)
	}
	return nil
}

func (s *Store) hook(point string) error {
	if s.opt.Hook == nil {
		return nil
	}
	return s.opt.Hook(point)
}
