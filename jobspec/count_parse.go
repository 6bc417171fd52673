// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/idset"
)

// ParseCount reads the string forms of a count: an integer, an idset (RFC 22)
// or a range (RFC 45), in square brackets or not. Values are from 1 to
// MaxCount.
func ParseCount(s string) (Count, error) {
	c, err := parseCount(s)
	if err != nil {
		return Count{}, err
	}
	return c, nil
}

func parseCount(s string) (Count, *Error) {
	in := s
	if len(s) >= 2 && s[0] == '[' && s[len(s)-1] == ']' {
		s = s[1 : len(s)-1]
	}
	if strings.ContainsAny(s, "[]") {
		return Count{}, errorf("", "count '%.64s' has mismatched brackets", in)
	}
	if set, err := idset.Parse(s); err == nil && !set.Empty() {
		return countOfSet(set)
	}
	head, step, stepped := strings.Cut(s, ":")
	c := Count{max: Unbounded, operator: '+', operand: 1}
	var ok bool
	if lo, open := strings.CutSuffix(head, "+"); open {
		c.min, ok = parseNumber(lo)
	} else if lo, hi, found := strings.Cut(head, "-"); found {
		if c.min, ok = parseNumber(lo); ok {
			c.max, ok = parseNumber(hi)
		}
	}
	if ok && stepped {
		operand, operator, named := strings.Cut(step, ":")
		if c.operand, ok = parseNumber(operand); ok && named {
			if ok = len(operator) == 1; ok {
				c.operator = operator[0]
			}
		}
	}
	if !ok {
		return Count{}, errorf("", "count string '%.64s' must be a valid idset or range", in)
	}
	return c.checked()
}

// parseNumber reads a decimal without sign or leading zero.
func parseNumber(s string) (int64, bool) {
	if s == "" || s[0] < '1' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

func countOfSet(set *idset.Set) (Count, *Error) {
	first, _ := set.First()
	last, _ := set.Last()
	c := Count{min: int64(first), max: int64(last), operator: '+', operand: 1}
	if int64(set.Len()) != c.max-c.min+1 {
		c.set = set
	}
	return c.checked()
}

// checked enforces what RFC 14 says of min, max, operator and operand.
func (c Count) checked() (Count, *Error) {
	switch {
	case c.min < 1 || c.operand < 1:
		return Count{}, errorf("", "min, max, and operand must be >= 1")
	case c.max != Unbounded && c.max < c.min:
		return Count{}, errorf("", "max must be >= min")
	case c.min > MaxCount || c.max > MaxCount || c.operand > MaxCount:
		return Count{}, errorf("", "exceeds the maximum of %d", MaxCount)
	case !strings.ContainsRune("+*^", rune(c.operator)):
		return Count{}, errorf("", "operator must be one of '+', '*', '^'")
	case c.operator != '+' && c.operand < 2:
		return Count{}, errorf("", "operand must be > 1 for '*' or '^' operator")
	case c.operator == '^' && c.min < 2:
		return Count{}, errorf("", "min must be > 1 for '^' operator")
	}
	return c, nil
}

// decodeCount reads the count of a resource vertex in any form of RFC 14.
// Types that need not be there may have a count of 0.
func decodeCount(raw jsontext.Value, path, resource string) (Count, error) {
	var c Count
	var bad *Error
	switch raw.Kind() {
	case jsontext.KindNumber:
		n, err := decodeInt(raw, path)
		if err != nil {
			return c, err
		}
		least := int64(0)
		if resource == "node" || resource == "slot" || resource == "core" {
			least = 1
		}
		if n < least {
			return c, errorf(path, "%s count must be >= %d (got %d)", resource, least, n)
		}
		if n > MaxCount {
			return c, errorf(path, "exceeds the maximum of %d", MaxCount)
		}
		return Fixed(n), nil
	case jsontext.KindString:
		s, err := decodeString(raw, path)
		if err != nil {
			return c, err
		}
		c, bad = parseCount(s)
	case jsontext.KindBeginObject:
		return decodeRange(raw, path)
	default:
		bad = errorf("", "must be an integer, string or object")
	}
	if bad != nil {
		bad.Path = path
		return Count{}, bad
	}
	return c, nil
}

// decodeRange reads the dictionary form.
func decodeRange(raw jsontext.Value, path string) (Count, error) {
	fields, err := members(raw, path)
	if err != nil {
		return Count{}, err
	}
	c := Count{max: Unbounded, operator: '+', operand: 1}
	seen := map[string]bool{}
	for _, f := range fields {
		seen[f.name] = true
		at := path + "." + f.name
		switch f.name {
		case "min":
			c.min, err = decodeInt(f.value, at)
		case "max":
			if c.max, err = decodeInt(f.value, at); err == nil && c.max < 1 {
				err = errorf(at, "must be > 0")
			}
		case "operand":
			c.operand, err = decodeInt(f.value, at)
		case "operator":
			var s string
			s, err = decodeString(f.value, at)
			if err == nil && len(s) != 1 {
				err = errorf(at, "must be a single character")
			}
			if err == nil {
				c.operator = s[0]
			}
		default:
			err = errorf(at, "unknown key in count")
		}
		if err != nil {
			return Count{}, err
		}
	}
	if !seen["min"] {
		return Count{}, errorf(path, "min must be in range")
	}
	if seen["operand"] != seen["operator"] {
		return Count{}, errorf(path, "operand and operator must both be in range if either is")
	}
	c, bad := c.checked()
	if bad != nil {
		bad.Path = path
		return Count{}, bad
	}
	return c, nil
}
