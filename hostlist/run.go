// SPDX-License-Identifier: LGPL-3.0-or-later

package hostlist

import (
	"strconv"
	"strings"
)

// run is one or more hosts that differ in one number only:
// prefix, number, suffix, with number going from lo to hi.
//
// A host name is split at its last group of digits, of which the last
// MaxDigits count. That makes the split of every name unique, so that lists
// compare by their runs.
type run struct {
	prefix, suffix string
	numeric        bool // false: one host, named prefix
	lo, hi         uint64
	// width is what numbers are padded to with zeros. It is 0 unless lo does
	// have a leading zero, so that equal runs are equal structs.
	width int
	start int // index in the list of the first host
}

// splitName makes the run of a single host.
func splitName(name string) run {
	end := strings.LastIndexFunc(name, func(c rune) bool { return '0' <= c && c <= '9' }) + 1
	if end == 0 {
		return run{prefix: name}
	}
	begin := end
	for begin > 0 && end-begin < MaxDigits && isDigit(name[begin-1]) {
		begin--
	}
	// At most MaxDigits digits: this cannot overflow.
	n, _ := strconv.ParseUint(name[begin:end], 10, 64)
	return newRun(name[:begin], name[end:], n, n, end-begin)
}

// newRun makes a run whose first number is written with textLen digits.
func newRun(prefix, suffix string, lo, hi uint64, textLen int) run {
	r := run{prefix: prefix, suffix: suffix, numeric: true, lo: lo, hi: hi}
	if digits(lo) < textLen {
		r.width = textLen
	}
	return r
}

// count is the number of hosts in the run.
func (r *run) count() int { return int(r.hi-r.lo) + 1 }

// textLen is the number of digits the number n is written with in this run.
func (r *run) textLen(n uint64) int { return max(r.width, digits(n)) }

// slice is the run of hosts from to to-1 of r.
func (r *run) slice(from, to int) run {
	if !r.numeric {
		return *r
	}
	lo := r.lo + uint64(from)
	return newRun(r.prefix, r.suffix, lo, r.lo+uint64(to-1), r.textLen(lo))
}

// follows reports whether next continues r, so that both are one run.
func (r *run) follows(next *run) bool {
	if !r.numeric || !next.numeric || next.lo != r.hi+1 ||
		r.prefix != next.prefix || r.suffix != next.suffix {
		return false
	}
	return r.textLen(next.lo) == next.textLen(next.lo)
}

// contains reports whether the single host h is in r.
func (r *run) contains(h *run) bool {
	if r.numeric != h.numeric || r.prefix != h.prefix || r.suffix != h.suffix {
		return false
	}
	return r.lo <= h.lo && h.lo <= r.hi && r.textLen(h.lo) == h.textLen(h.lo)
}

// same reports whether two runs are the same hosts.
func (r *run) same(o *run) bool {
	a, b := *r, *o
	a.start, b.start = 0, 0
	return a == b
}

// name is the n-th host of the run.
func (r *run) name(n int) string {
	if !r.numeric {
		return r.prefix
	}
	num := r.lo + uint64(n)
	b := make([]byte, 0, len(r.prefix)+r.textLen(num)+len(r.suffix))
	b = append(b, r.prefix...)
	b = appendPadded(b, num, r.width)
	b = append(b, r.suffix...)
	return string(b)
}

// appendPadded writes n with leading zeros up to width digits.
func appendPadded(b []byte, n uint64, width int) []byte {
	for i := digits(n); i < width; i++ {
		b = append(b, '0')
	}
	return strconv.AppendUint(b, n, 10)
}

// digits is the number of decimal digits of n.
func digits(n uint64) int {
	d := 1
	for n >= 10 {
		n /= 10
		d++
	}
	return d
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
