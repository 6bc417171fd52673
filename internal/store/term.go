// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"strconv"
	"time"
)

// metaTerm is the key of the leader's term.
const metaTerm = "term"

// NextTerm begins a term of leadership: it returns a number above that of every
// term before, once it is durable. The nodes refuse what an earlier leader
// still wants of them.
//
// It counts by one from the time of the first term, in seconds: so
// the clock does not matter while there is a store, and terms go on rising when
// one had to be made anew.
func (s *Store) NextTerm(now time.Time) (int64, error) {
	meta, err := s.Meta()
	if err != nil {
		return 0, err
	}
	term := now.Unix()
	if b := meta[metaTerm]; b != nil {
		last, err := strconv.ParseInt(string(b), 10, 64)
		if err != nil {
			return 0, damaged("the leader's term is %q", b)
		}
		term = last + 1
	}
	var b Batch
	b.SetMeta(metaTerm, strconv.AppendInt(nil, term, 10))
	return term, s.CommitWait(&b)
}
