// SPDX-License-Identifier: LGPL-3.0-or-later

package hostlist

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits on what Parse accepts.
const (
	// MaxHosts bounds the hosts of one parsed string: a million, some ten
	// times the largest machines, and what flux-core allows in one range.
	MaxHosts = 1 << 20

	// MaxExpanded bounds the hosts of one string that come from brackets
	// followed by a digit, as in "a[0-9]b1": those have to be stored one by
	// one, so a short string could claim much memory.
	MaxExpanded = 1 << 16

	// MaxNameLen bounds one host name, in bytes. Domain names end at 253.
	MaxNameLen = 255

	// MaxDigits bounds the digits of one number in brackets. A number of 18
	// digits fits a 64-bit integer with room for arithmetic.
	MaxDigits = 18
)

// ParseError says what is wrong with a hostlist string, and where.
type ParseError struct {
	Input  string // the string, cut to a length fit to print
	Offset int    // bytes before the place in question
	Reason string
}

// Error tells input, place and reason in one line.
func (e *ParseError) Error() string {
	return fmt.Sprintf("hostlist %q: at position %d: %s", e.Input, e.Offset+1, e.Reason)
}

// maxQuoted bounds how much of a bad input an error repeats: an error is for
// reading, and the input may be megabytes.
const maxQuoted = 64

// Parse reads a hostlist string, RFC 29. The error is a *ParseError.
func Parse(in string) (*List, error) {
	p := &parser{in: in}
	for p.skipSeparators(); p.at < len(p.in); p.skipSeparators() {
		if err := p.expression(); err != nil {
			return nil, err
		}
	}
	return &p.list, nil
}

// MustParse is Parse for constants and tests: it panics if in is malformed.
func MustParse(in string) *List {
	l, err := Parse(in)
	if err != nil {
		panic(err)
	}
	return l
}

type parser struct {
	in       string
	at       int // offset of what is read next
	list     List
	expanded int // hosts that had to be stored one by one
}

func (p *parser) fail(offset int, format string, args ...any) error {
	quoted := p.in
	if len(quoted) > maxQuoted {
		quoted = quoted[:maxQuoted] + "..."
	}
	return &ParseError{Input: quoted, Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

func isSeparator(c byte) bool { return strings.IndexByte(", \t\r\n", c) >= 0 }

func (p *parser) skipSeparators() {
	for p.at < len(p.in) && isSeparator(p.in[p.at]) {
		p.at++
	}
}

// expression reads prefix[idlist]suffix or a plain name.
func (p *parser) expression() error {
	begin := p.at
	prefix, err := p.word()
	if err != nil {
		return err
	}
	if p.at == len(p.in) || p.in[p.at] != '[' {
		return p.name(begin, prefix)
	}
	open := p.at
	size := strings.IndexByte(p.in[open:], ']')
	if size < 0 {
		return p.fail(open, "'[' is never closed")
	}
	end := open + size
	p.at = end + 1
	suffix, err := p.word()
	if err != nil {
		return err
	}
	if p.at < len(p.in) && p.in[p.at] == '[' {
		return p.fail(p.at, "a second '[': an expression has one list in brackets only")
	}
	return p.idlist(prefix, suffix, open+1, end)
}

// word reads characters of a name up to a separator or an opening bracket.
func (p *parser) word() (string, error) {
	begin := p.at
	for ; p.at < len(p.in); p.at++ {
		c := p.in[p.at]
		if c == '[' || isSeparator(c) {
			break
		}
		if c == ']' {
			return "", p.fail(p.at, "']' without '['")
		}
		if !isNameChar(c) {
			return "", p.fail(p.at, "character %q is not printable ASCII", c)
		}
	}
	return p.in[begin:p.at], nil
}

func isNameChar(c byte) bool { return '!' <= c && c <= '~' && c != '[' && c != ']' && c != ',' }

// name adds one plain host.
func (p *parser) name(at int, name string) error {
	if len(name) > MaxNameLen {
		return p.fail(at, "host name of %d bytes exceeds the maximum of %d", len(name), MaxNameLen)
	}
	if p.list.count >= MaxHosts {
		return p.tooMany(at)
	}
	p.list.push(splitName(name))
	return nil
}

func (p *parser) tooMany(at int) error {
	return p.fail(at, "more than the maximum of %d hosts", MaxHosts)
}

// checkName reports what keeps name from being one host name.
func checkName(name string) error {
	p := &parser{in: name}
	if name == "" {
		return p.fail(0, "empty host name")
	}
	if len(name) > MaxNameLen {
		return p.fail(0, "host name of %d bytes exceeds the maximum of %d", len(name), MaxNameLen)
	}
	for i := range len(name) {
		if !isNameChar(name[i]) {
			return p.fail(i, "character %q in a host name", name[i])
		}
	}
	return nil
}

// ids is one element of an idlist.
type ids struct {
	lo, hi  uint64
	textLen int // digits lo is written with, leading zeros counted
}

// idlist reads the elements in[at:end] and adds their hosts.
func (p *parser) idlist(prefix, suffix string, at, end int) error {
	padding := 0 // RFC 29: leading zeros of the first element hold for all
	for first := true; ; first = false {
		e, next, err := p.element(at, end)
		if err != nil {
			return err
		}
		if first && e.textLen > digits(e.lo) {
			padding = e.textLen
		}
		e.textLen = max(e.textLen, padding)
		if err := p.hosts(at, prefix, suffix, e); err != nil {
			return err
		}
		if next == end {
			return nil
		}
		if p.in[next] != ',' {
			return p.fail(next, "unexpected %q, want ',' or ']'", p.in[next])
		}
		at = next + 1
	}
}

// element reads "N" or "N-M" at in[at:end]; next is where it stopped.
func (p *parser) element(at, end int) (e ids, next int, err error) {
	e.lo, next, err = p.number(at, end)
	if err != nil {
		return e, 0, err
	}
	e.hi, e.textLen = e.lo, next-at
	if next < end && p.in[next] == '-' {
		e.hi, next, err = p.number(next+1, end)
		if err != nil {
			return e, 0, err
		}
	}
	if e.hi < e.lo {
		return e, 0, p.fail(at, "range %q does not ascend", p.in[at:next])
	}
	return e, next, nil
}

// number reads one decimal number at in[at:end].
func (p *parser) number(at, end int) (n uint64, next int, err error) {
	next = at
	for next < end && isDigit(p.in[next]) {
		next++
	}
	switch {
	case next == at && at == end:
		return 0, 0, p.fail(at, "a number is missing")
	case next == at:
		return 0, 0, p.fail(at, "unexpected %q, want a number", p.in[at])
	case next-at > MaxDigits:
		return 0, 0, p.fail(at, "number of %d digits exceeds the maximum of %d digits", next-at, MaxDigits)
	}
	n, err = strconv.ParseUint(p.in[at:next], 10, 64)
	return n, next, err
}

// hosts adds the hosts of one element of an idlist.
func (p *parser) hosts(at int, prefix, suffix string, e ids) error {
	count := e.hi - e.lo + 1
	if count > uint64(MaxHosts-p.list.count) {
		return p.tooMany(at)
	}
	if n := len(prefix) + max(e.textLen, digits(e.hi)) + len(suffix); n > MaxNameLen {
		return p.fail(at, "host name of %d bytes exceeds the maximum of %d", n, MaxNameLen)
	}
	if strings.ContainsAny(suffix, "0123456789") {
		return p.expand(at, newRun(prefix, suffix, e.lo, e.hi, e.textLen))
	}
	p.pushNumbers(prefix, suffix, e)
	return nil
}

// expand adds the hosts of r one by one: their last number is in the suffix.
func (p *parser) expand(at int, r run) error {
	if p.expanded += r.count(); p.expanded > MaxExpanded {
		return p.fail(at, "more than the maximum of %d hosts from brackets followed by a digit", MaxExpanded)
	}
	for n := range r.count() {
		p.list.push(splitName(r.name(n)))
	}
	return nil
}

// pushNumbers adds the hosts of one element. Digits that end the prefix belong
// to the number, so "h1[8-11]" is the runs h18-h19 and h110-h111.
func (p *parser) pushNumbers(prefix, suffix string, e ids) {
	trail := len(prefix)
	for trail > 0 && isDigit(prefix[trail-1]) {
		trail--
	}
	if trail == len(prefix) {
		p.list.push(newRun(prefix, suffix, e.lo, e.hi, e.textLen))
		return
	}
	for lo := e.lo; lo <= e.hi; {
		n := max(e.textLen, digits(lo))
		hi := min(e.hi, pow10(n)-1) // the last number written with n digits
		cut := max(trail, len(prefix)-(MaxDigits-n))
		var head uint64
		if cut < len(prefix) {
			// Fewer than MaxDigits digits: this cannot overflow.
			head, _ = strconv.ParseUint(prefix[cut:], 10, 64)
		}
		head *= pow10(n)
		p.list.push(newRun(prefix[:cut], suffix, head+lo, head+hi, len(prefix)-cut+n))
		lo = hi + 1
	}
}

// pow10 is ten to the n-th, for n up to MaxDigits.
func pow10(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}
