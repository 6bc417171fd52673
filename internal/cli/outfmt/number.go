// SPDX-License-Identifier: LGPL-3.0-or-later

package outfmt

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// floatText is the shortest text that reads back as f, with a fraction.
func floatText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// general is C's %.*g; alternate keeps trailing zeros.
func general(f float64, precision int, alternate bool) string {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return strings.TrimPrefix(floatText(f), "+")
	}
	precision = max(precision, 1)
	e := strconv.FormatFloat(f, 'e', precision-1, 64)
	mantissa, exponent, _ := strings.Cut(e, "e")
	x, _ := strconv.Atoi(exponent)
	if x < -4 || x >= precision {
		if !alternate {
			mantissa = trimZeros(mantissa)
		}
		return mantissa + "e" + exponent
	}
	s := strconv.FormatFloat(f, 'f', precision-1-x, 64)
	if alternate {
		return s
	}
	return trimZeros(s)
}

func trimZeros(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// formatInt shows an integer.
func (sp *spec) formatInt(n int64) (string, error) {
	magnitude := strconv.FormatUint(magnitude(n), 10)
	prefix := ""
	base := func(b int, p string) {
		magnitude = strconv.FormatUint(uint64(max(n, -n)), b)
		if sp.alternate {
			prefix = p
		}
	}
	switch sp.kind {
	case 0, 'd', 'n':
	case 'b':
		base(2, "0b")
	case 'o':
		base(8, "0o")
	case 'x', 'X':
		base(16, "0x")
	case 'c':
		return pad(string(rune(n)), sp.width, sp.fill, sp.align), nil
	case 's':
		return "", fmt.Errorf("Unknown format code 's' for a field that is a number")
	default:
		return sp.formatFloat(float64(n))
	}
	if sp.precision >= 0 {
		return "", fmt.Errorf("Precision not allowed in integer format specifier")
	}
	if sp.kind == 'X' {
		magnitude, prefix = strings.ToUpper(magnitude), strings.ToUpper(prefix)
	}
	return sp.finish(n < 0, prefix, magnitude), nil
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// formatFloat shows a float.
func (sp *spec) formatFloat(f float64) (string, error) {
	a := math.Abs(f)
	precision := sp.precision
	if precision < 0 {
		precision = 6
	}
	var s string
	switch sp.kind {
	case 0:
		if s = floatText(a); sp.precision >= 0 {
			s = generalWithFraction(a, sp.precision)
		}
	case 'e', 'E':
		s = strconv.FormatFloat(a, 'e', precision, 64)
	case 'f', 'F':
		s = strconv.FormatFloat(a, 'f', precision, 64)
	case 'g', 'G', 'n':
		s = general(a, precision, sp.alternate)
	case '%':
		s = strconv.FormatFloat(a*100, 'f', precision, 64) + "%"
	default:
		return "", fmt.Errorf("Unknown format code '%c' for a field that is a number with a fraction", sp.kind)
	}
	s = strings.Replace(strings.Replace(s, "+Inf", "inf", 1), "NaN", "nan", 1)
	if sp.kind == 'E' || sp.kind == 'G' || sp.kind == 'F' {
		s = strings.ToUpper(s)
	}
	return sp.finish(math.Signbit(f), "", s), nil
}

// generalWithFraction is what a precision without a type means: as general,
// but a number with one digit behind the point at least, and an exponent
// sooner.
func generalWithFraction(f float64, precision int) string {
	s := general(f, precision, false)
	if strings.ContainsAny(s, ".enia") {
		return s
	}
	if len(s) >= max(precision, 1) && f != 0 {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', max(precision, 1)-1, 64), "e")
		return trimZeros(mantissa) + "e" + exponent
	}
	return s + ".0"
}

// finish adds sign, grouping and padding to a number's digits.
func (sp *spec) finish(negative bool, prefix, digits string) string {
	sign := ""
	switch {
	case negative:
		sign = "-"
	case sp.sign == '+' || sp.sign == ' ':
		sign = string(sp.sign)
	}
	if sp.grouping != 0 {
		digits = group(digits, sp.grouping)
	}
	sign += prefix
	if sp.align == '=' {
		return sign + pad(digits, sp.width-len(sign), sp.fill, '>')
	}
	align := sp.align
	if align == 0 {
		align = '>'
	}
	s := pad(sign+digits, sp.width, sp.fill, align)
	return s
}

// group puts a separator between thousands.
func group(digits string, sep byte) string {
	end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(digits)
	}
	var b strings.Builder
	for i := range end {
		if i > 0 && (end-i)%3 == 0 {
			b.WriteByte(sep)
		}
		b.WriteByte(digits[i])
	}
	return b.String() + digits[end:]
}
