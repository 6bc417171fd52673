// SPDX-License-Identifier: LGPL-3.0-or-later

package outfmt

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"goflux/fsd"
)

// isoTime is how !D, and !d without a format, show a time.
const isoTime = "%FT%T"

// epochText is the epoch in UTC, one of the texts that count as empty.
const epochText = "1970-01-01T00:00:00"

// isEmpty tells whether a value's text stands for no value.
func isEmpty(s string) bool {
	switch s {
	case "", "0s", "0.0", "0:00:00", epochText:
		return true
	}
	return len(s) == len(epochText) && s == strftime(time.Unix(0, 0), isoTime)
}

// timeValue is a value after !d, which its spec formats.
type timeValue struct{ t time.Time }

func (v timeValue) text(format string) string {
	if v.t.IsZero() || v.t.Unix() == 0 {
		return ""
	}
	if format == "" {
		format = isoTime
	}
	return strftime(v.t, format)
}

// convert applies a conversion to a value. The empty string stands for a value
// that is not there and stays empty.
func convert(v any, conversion byte) (any, error) {
	switch conversion {
	case 0:
		return v, nil
	case 's', 'a':
		return Text(v), nil
	case 'r':
		if s, ok := v.(string); ok {
			return "'" + strings.ReplaceAll(s, "'", `\'`) + "'", nil
		}
		return Text(v), nil
	}
	f, ok := number(v)
	if !ok {
		if Text(v) == "" {
			if conversion == 'd' {
				return timeValue{}, nil
			}
			return "", nil
		}
		return nil, fmt.Errorf("conversion !%c needs a number, not %q", conversion, Text(v))
	}
	switch conversion {
	case 'd':
		return timeValue{secondsToTime(f)}, nil
	case 'D':
		return timeValue{secondsToTime(f)}.text(isoTime), nil
	case 'F':
		return fsd.FormatShort(f), nil
	case 'H':
		return hoursMinutesSeconds(f), nil
	}
	return percentage(f), nil
}

// secondsToTime is the local time of seconds since the epoch.
func secondsToTime(f float64) time.Time {
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(fraction*1e9))
}

// hoursMinutesSeconds writes seconds as [D days, ]H:MM:SS; what is more than
// nothing is at least one second.
func hoursMinutesSeconds(f float64) string {
	if f > 0 && f < 1 {
		f = 1
	}
	if math.IsInf(f, 0) || math.IsNaN(f) || math.Abs(f) > 1e15 {
		return "inf"
	}
	n := int64(math.RoundToEven(f))
	days := n / 86400
	if n -= days * 86400; n < 0 {
		days--
		n += 86400
	}
	s := fmt.Sprintf("%d:%02d:%02d", n/3600, n/60%60, n%60)
	switch days {
	case 0:
		return s
	case 1, -1:
		return fmt.Sprintf("%d day, %s", days, s)
	}
	return fmt.Sprintf("%d days, %s", days, s)
}

// percentage writes a fraction in at most five columns.
func percentage(f float64) string {
	f *= 100
	if f > 0 && f < 1 {
		return strconv.FormatFloat(f, 'f', 2, 64) + "%"
	}
	return general(f, 3, false) + "%"
}

// number is v as a float, if it is a number.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case bool:
		if n {
			return 1, true
		}
		return 0, true
	}
	if i, ok := integer(v); ok {
		return float64(i), true
	}
	if u, ok := v.(uint64); ok {
		return float64(u), true
	}
	return 0, false
}

// integer is v as an int64, if it is an integer of any type that fits.
func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case nil, string, float64, bool:
		return 0, false
	}
	if _, ok := v.(fmt.Stringer); ok {
		return 0, false
	}
	r := reflect.ValueOf(v)
	switch {
	case r.CanInt():
		return r.Int(), true
	case r.CanUint() && r.Uint() <= math.MaxInt64:
		return int64(r.Uint()), true
	}
	return 0, false
}

// Text is a value as a field without a spec shows it.
func Text(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case bool:
		if x {
			return "True"
		}
		return "False"
	case float64:
		return floatText(x)
	case timeValue:
		return x.text("")
	case fmt.Stringer:
		return x.String()
	}
	if i, ok := integer(v); ok {
		return strconv.FormatInt(i, 10)
	}
	return fmt.Sprint(v)
}

// format shows a value as its spec says.
func (sp *spec) format(v any) (string, error) {
	if t, ok := v.(timeValue); ok {
		return sp.formatString(t.text(sp.time))
	}
	if !sp.set {
		return Text(v), nil
	}
	if sp.hyphen {
		return sp.formatString(Text(v))
	}
	switch x := v.(type) {
	case bool:
		if x {
			return sp.formatInt(1)
		}
		return sp.formatInt(0)
	case float64:
		return sp.formatFloat(x)
	}
	if i, ok := integer(v); ok {
		return sp.formatInt(i)
	}
	return sp.formatString(Text(v))
}

func (sp *spec) formatString(s string) (string, error) {
	if sp.hyphen && isEmpty(s) {
		s = "-"
	}
	if sp.kind != 0 && sp.kind != 's' {
		return "", fmt.Errorf("Unknown format code '%c' for a field that is text", sp.kind)
	}
	out := s
	if sp.precision >= 0 {
		out = cut(s, sp.precision)
	}
	out = pad(out, sp.width, sp.fill, sp.align)
	if sp.truncMark && Width(out) < Width(s) {
		out = dropLast(out) + "+"
	}
	return out, nil
}
