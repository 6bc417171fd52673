// SPDX-License-Identifier: LGPL-3.0-or-later

package jobid

import (
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// base58Digits is the alphabet of RFC 19: no 0, I, O and l.
const base58Digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

func (id ID) base58() string {
	b := make([]byte, 0, 11) // 58 to the 11th exceeds 2 to the 64th
	for {
		b = append(b, base58Digits[id%58])
		if id /= 58; id == 0 {
			break
		}
	}
	slices.Reverse(b)
	return string(b)
}

// Emoji is base 576 with a fixed choice of emoji as digits, RFC 19.
func (id ID) Emoji() string {
	const size = 4 // bytes of each
	base := ID(len(emojis) / size)
	var text string
	for {
		at := int(id%base) * size
		text = emojis[at:at+size] + text
		if id /= base; id == 0 {
			return text
		}
	}
}

// shift is id*base + digit; ok is false if that exceeds 64 bits.
func (id ID) shift(base, digit int) (next ID, ok bool) {
	hi, lo := bits.Mul64(uint64(id), uint64(base))
	sum, carry := bits.Add64(lo, uint64(digit), 0)
	return ID(sum), hi == 0 && carry == 0
}

// parseBase58 reads digits of base 58 that begin at offset at of the input.
func (p *parser) parseBase58(at int) (ID, error) {
	return p.parseDigits(at, 58, func(c rune) int { return strings.IndexRune(base58Digits, c) })
}

// parseEmoji reads digits of base 576.
func (p *parser) parseEmoji(at int) (ID, error) {
	return p.parseDigits(at, utf8.RuneCountInString(emojis), func(c rune) int {
		i := strings.IndexRune(emojis, c)
		if i < 0 || c == utf8.RuneError {
			return -1
		}
		return i / utf8.RuneLen(c)
	})
}

// parseDigits reads characters whose values value gives, -1 for a wrong one.
func (p *parser) parseDigits(at, base int, value func(rune) int) (id ID, err error) {
	if at == len(p.text) {
		return 0, p.fail(at, "digits are missing")
	}
	for i, c := range p.text[at:] {
		v := value(c)
		if v < 0 {
			return 0, p.fail(at+i, "%q is no digit of base %d", c, base)
		}
		var ok bool
		if id, ok = id.shift(base, v); !ok {
			return 0, p.fail(at, "exceeds 64 bits")
		}
	}
	return id, nil
}
