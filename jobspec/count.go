// SPDX-License-Identifier: LGPL-3.0-or-later

package jobspec

import (
	"strconv"

	"goflux/idset"
)

// Count is how many of a resource are acceptable (RFC 14): one number, a range
// with or without an upper end and with or without a step, or a set. The zero
// Count is 0.
type Count struct {
	min, max int64 // max is Unbounded, or >= min
	operator byte  // '+', '*', '^'
	operand  int64
	set      *idset.Set // if not nil, the acceptable values
}

// Unbounded is the maximum of a Count without one.
const Unbounded = int64(-1)

// Fixed returns the count that accepts n alone.
func Fixed(n int64) Count { return Count{min: n, max: n, operator: '+', operand: 1} }

// Min is the smallest acceptable value.
func (c Count) Min() int64 { return c.min }

// Max is the upper end, or Unbounded.
func (c Count) Max() int64 { return c.max }

// IsFixed reports whether one value alone is acceptable.
func (c Count) IsFixed() bool { return c.max == c.min }

// IsZero reports whether the count is 0, as is that of a type not asked for.
func (c Count) IsZero() bool { return c.min == 0 && c.max == 0 }

// IsRange reports whether every value from Min to Max is acceptable.
func (c Count) IsRange() bool {
	return c.IsFixed() || c.set == nil && c.operator == '+' && c.operand == 1
}

// Largest returns the greatest acceptable value that is at most limit; ok is
// false if there is none. Its cost does not grow with the count.
func (c Count) Largest(limit int64) (n int64, ok bool) {
	if limit < c.min {
		return 0, false
	}
	if c.max != Unbounded {
		limit = min(limit, c.max)
	}
	switch {
	case c.set != nil:
		id, ok := c.set.Prev(uint32(limit + 1))
		return int64(id), ok
	case c.IsFixed():
		return c.min, true
	case c.operator == '+':
		return limit - (limit-c.min)%c.operand, true
	}
	n = c.min
	for {
		next, ok := c.step(n)
		if !ok || next > limit {
			return n, true
		}
		n = next
	}
}

// Contains reports whether n is acceptable.
func (c Count) Contains(n int64) bool {
	got, ok := c.Largest(n)
	return ok && got == n
}

// step applies the operator once; ok is false past MaxTotal.
func (c Count) step(n int64) (next int64, ok bool) {
	switch c.operator {
	case '*':
		return multiply(n, c.operand)
	case '^':
		next, ok = n, true
		for i := int64(1); i < c.operand && ok; i++ {
			next, ok = multiply(next, n)
		}
		return next, ok
	}
	return n + c.operand, n+c.operand <= MaxTotal
}

// Scaled multiplies every acceptable value by factor >= 1; ok is false if one
// exceeds MaxTotal, or if the count is neither a number nor a plain range.
func (c Count) Scaled(factor int64) (scaled Count, ok bool) {
	if factor == 1 {
		return c, true
	}
	if !c.IsRange() {
		return Count{}, false
	}
	if scaled.min, ok = multiply(c.min, factor); !ok {
		return Count{}, false
	}
	scaled.max = Unbounded
	if c.max != Unbounded {
		if scaled.max, ok = multiply(c.max, factor); !ok {
			return Count{}, false
		}
	}
	scaled.operator, scaled.operand = '+', 1
	return scaled, true
}

func multiply(a, b int64) (int64, bool) {
	if a != 0 && b > MaxTotal/a {
		return 0, false
	}
	return a * b, true
}

// String is the short form: "4", an idset (RFC 22) or a range (RFC 45).
func (c Count) String() string {
	if c.set != nil {
		return c.set.String()
	}
	s := strconv.FormatInt(c.min, 10)
	if c.IsFixed() {
		return s
	}
	if c.max == Unbounded {
		s += "+"
	} else {
		s += "-" + strconv.FormatInt(c.max, 10)
	}
	if c.operator != '+' || c.operand != 1 {
		s += ":" + strconv.FormatInt(c.operand, 10)
	}
	if c.operator != '+' {
		s += ":" + string(c.operator)
	}
	return s
}

// MarshalJSON is an integer for a fixed count, else the string form.
func (c Count) MarshalJSON() ([]byte, error) {
	if c.IsFixed() {
		return strconv.AppendInt(nil, c.min, 10), nil
	}
	return strconv.AppendQuote(nil, c.String()), nil
}
