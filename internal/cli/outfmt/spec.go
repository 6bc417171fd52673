// SPDX-License-Identifier: LGPL-3.0-or-later

package outfmt

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// maxWidth bounds widths and precisions, so that a format cannot make a line
// of any size.
const maxWidth = 1 << 16

// spec is a format specification: Python's, the h and + of flux, and for times
// a strftime format before "::".
type spec struct {
	time      string
	set       bool // any of the following was given
	fill      rune
	align     rune // < > ^ = or 0
	sign      byte
	alternate bool
	zero      bool
	width     int // 0: none
	grouping  byte
	precision int // -1: none
	kind      byte
	hyphen    bool
	truncMark bool
}

// conversions are the letters that may follow "!" in a field.
const conversions = "dDFHPsra"

var errSpec = errors.New("Invalid format specifier")

// parseSpec reads what follows the colon of a field; of a time's field, what
// follows the double colon.
func parseSpec(s string, isTime bool) (spec, error) {
	sp := spec{fill: ' ', precision: -1}
	if isTime {
		timeFormat, rest, ok := strings.Cut(s, "::")
		sp.time = timeFormat
		if !ok {
			if before, hyphen := strings.CutSuffix(s, "h"); hyphen && !strings.HasSuffix(before, "%") {
				sp.time, sp.hyphen, sp.set = before, true, true
			}
			return sp, nil
		}
		s = rest
	}
	if s == "" {
		return sp, nil
	}
	sp.set = true
	s = sp.parseAlign(s)
	if s != "" && strings.IndexByte("+- ", s[0]) >= 0 && s != "+" {
		sp.sign, s = s[0], s[1:]
	}
	s = strings.TrimPrefix(s, "z")
	s, sp.alternate = cutPrefix(s, "#")
	if s, sp.zero = cutPrefix(s, "0"); sp.zero && sp.align == 0 {
		sp.fill, sp.align = '0', '='
	}
	var ok bool
	if sp.width, s, ok = cutNumber(s); !ok {
		return sp, errSpec
	}
	if s != "" && (s[0] == ',' || s[0] == '_') {
		sp.grouping, s = s[0], s[1:]
	}
	if digits, dot := strings.CutPrefix(s, "."); dot {
		if sp.precision, s, ok = cutNumber(digits); !ok || s == digits {
			return sp, errSpec
		}
	}
	if s != "" && strings.IndexByte("bcdeEfFgGnosxX%", s[0]) >= 0 {
		sp.kind, s = s[0], s[1:]
	}
	s, sp.hyphen = cutPrefix(s, "h")
	if s, sp.truncMark = cutPrefix(s, "+"); s != "" {
		return sp, errSpec
	}
	return sp, nil
}

// parseAlign reads [[fill]align].
func (sp *spec) parseAlign(s string) string {
	fill, size := utf8.DecodeRuneInString(s)
	if len(s) > size && strings.IndexByte("<>^=", s[size]) >= 0 {
		sp.fill, sp.align = fill, rune(s[size])
		return s[size+1:]
	}
	if strings.IndexByte("<>^=", s[0]) >= 0 {
		sp.align = rune(s[0])
		return s[1:]
	}
	return s
}

func cutPrefix(s, prefix string) (string, bool) { return strings.CutPrefix(s, prefix) }

// cutNumber reads the decimal number that s begins with, 0 when there is none.
func cutNumber(s string) (n int, rest string, ok bool) {
	for s != "" && s[0] >= '0' && s[0] <= '9' {
		if n = n*10 + int(s[0]-'0'); n > maxWidth {
			return 0, s, false
		}
		s = s[1:]
	}
	return n, s, true
}
