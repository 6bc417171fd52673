// SPDX-License-Identifier: LGPL-3.0-or-later

package jobid

import (
	"math"
	"strings"
	"sync"
)

// The mnemonic form is six words. The low and then the high 32 bits of the ID
// are each written as three digits of base 1626, least significant first.
const (
	wordBase     = 1626
	wordsPerHalf = 3
)

// wordValue finds the digit a word stands for.
var wordValue = sync.OnceValue(func() map[string]uint64 {
	m := make(map[string]uint64, len(wordList))
	for i, w := range wordList {
		m[w] = uint64(i)
	}
	return m
})

// Words is the mnemonic form: "reform-remote-galileo--heart-package-academy".
func (id ID) Words() string {
	return halfWords(uint32(id)) + "--" + halfWords(uint32(id>>32))
}

func halfWords(n uint32) string {
	var w [wordsPerHalf]string
	for i := range w {
		w[i] = wordList[n%wordBase]
		n /= wordBase
	}
	return strings.Join(w[:], "-")
}

// parseWords reads six words, upper or lower case, with anything but letters
// between them.
func (p *parser) parseWords() (id ID, err error) {
	begin := p.nextWord(0)
	for half := range 2 {
		first := begin
		var n, scale uint64 = 0, 1
		for range wordsPerHalf {
			end := p.wordEnd(begin)
			if begin == end {
				return 0, p.fail(begin, "too few words, want six")
			}
			word := p.text[begin:end]
			v, ok := wordValue()[strings.ToLower(word)]
			if !ok {
				return 0, p.fail(begin, "%q is not a word of the list", cut(word))
			}
			n += v * scale
			scale *= wordBase
			begin = p.nextWord(end)
		}
		if n > math.MaxUint32 {
			return 0, p.fail(first, "these three words stand for no number")
		}
		id |= ID(n) << (32 * half)
	}
	if begin < len(p.text) {
		return 0, p.fail(begin, "too many words, want six")
	}
	return id, nil
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// nextWord is the offset of the first letter at or after at.
func (p *parser) nextWord(at int) int {
	for at < len(p.text) && !isLetter(p.text[at]) {
		at++
	}
	return at
}

// wordEnd is the offset of the first character at or after at that is not a
// letter.
func (p *parser) wordEnd(at int) int {
	for at < len(p.text) && isLetter(p.text[at]) {
		at++
	}
	return at
}
