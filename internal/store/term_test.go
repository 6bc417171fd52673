// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"syscall"
	"testing"
	"time"
)

func TestTermsRise(t *testing.T) {
	path := tempPath(t)
	last := int64(0)
	for i := range 4 {
		s := open(t, path, Options{Lasting: true})
		for range 2 { // the broker starts, and loads the module again
			term, err := s.NextTerm(time.Now())
			if err != nil || i > 0 && term != last+1 || term <= last {
				t.Fatalf("term %d after %d: %v", term, last, err)
			}
			last = term
		}
		_ = s.Close()
	}
}

// Without the term on disk there is none.
func TestTermIsDurableFirst(t *testing.T) {
	s := open(t, tempPath(t), Options{Hook: func(p string) error { return syscall.ENOSPC }})
	_, err := s.NextTerm(time.Now())
	wantErrno(t, err, syscall.ENOSPC)
}
