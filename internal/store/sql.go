// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"fmt"
	"syscall"

	"zombiezen.com/go/sqlite"

	"goflux/internal/message"
)

type (
	conn = sqlite.Conn
	stmt = sqlite.Stmt
)

// exec runs a cached statement that returns no rows. Arguments are int64,
// float64, string (bound as TEXT) or []byte (BLOB).
func exec(c *sqlite.Conn, query string, args ...any) error {
	st, err := bind(c, query, args)
	if err != nil {
		return err
	}
	_, err = st.Step()
	if rerr := st.Reset(); err == nil {
		err = rerr
	}
	return err
}

// query runs a cached statement and calls row for each row until it returns
// false.
func query(c *sqlite.Conn, q string, row func(*sqlite.Stmt) (more bool), args ...any) error {
	st, err := bind(c, q, args)
	if err != nil {
		return err
	}
	for {
		got, err := st.Step()
		if err != nil {
			_ = st.Reset() // it reports the same error again
			return err
		}
		if !got || !row(st) {
			return st.Reset()
		}
	}
}

func bind(c *sqlite.Conn, query string, args []any) (*sqlite.Stmt, error) {
	st, err := c.Prepare(query)
	if err != nil {
		return nil, err
	}
	for i, a := range args {
		switch a := a.(type) {
		case int64:
			st.BindInt64(i+1, a)
		case float64:
			st.BindFloat(i+1, a)
		case string:
			st.BindText(i+1, a)
		case []byte:
			st.BindBytes(i+1, a)
		default:
			panic(fmt.Sprintf("store: argument of type %T", a))
		}
	}
	return st, nil
}

// columnBytes copies a BLOB or TEXT column.
func columnBytes(s *sqlite.Stmt, col int) []byte {
	b := make([]byte, s.ColumnLen(col))
	s.ColumnBytes(col, b)
	return b
}

// wrap gives a SQLite error its errno, the operation and SQLite's own words.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	num := syscall.EINVAL
	if isFull(err) {
		return message.Errorf(syscall.ENOSPC, "%s: %v", op, err)
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultIOErr, sqlite.ResultCorrupt, sqlite.ResultNotADB:
		num = syscall.EIO
	case sqlite.ResultNoMem:
		num = syscall.ENOMEM
	case sqlite.ResultAbort, sqlite.ResultPerm, sqlite.ResultReadOnly, sqlite.ResultCantOpen:
		num = syscall.EPERM
	case sqlite.ResultTooBig:
		num = syscall.EFBIG
	case sqlite.ResultBusy, sqlite.ResultLocked:
		num = syscall.EBUSY
	case sqlite.ResultError:
		if e := message.Errno(err); e != 0 {
			num = e
		}
	}
	return message.Errorf(num, "%s: %v", op, err)
}
