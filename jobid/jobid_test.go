// SPDX-License-Identifier: LGPL-3.0-or-later

package jobid

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var vectors = []struct {
	id   ID
	form string
	text string
}{
	// RFC 19
	{6731191091817518, "dec", "6731191091817518"},
	{6731191091817518, "f58", "ƒuZZybuNNy"},
	{6731191091817518, "f58plain", "fuZZybuNNy"},
	{6731191091817518, "hex", "0x17e9fb8df16c2e"},
	{6731191091817518, "dothex", "0017.e9fb.8df1.6c2e"},
	{6731191091817518, "words", "reform-remote-galileo--heart-package-academy"},
	{0xedaf97d000000, "dothex", "000e.daf9.7d00.0000"},
	// recorded from flux-core
	{354502574080, "f58", "ƒAK7BMbD"},
	{354502574080, "kvs", "job.0000.0052.8a00.0000"},
	{354502574080, "words", "ibiza-member-educate--bravo-academy-academy"},
	{166127992833, "f58", "ƒ5N7APTW"},
	{166127992833, "kvs", "job.0000.0026.ae00.0001"},
	{166127992833, "words", "freddie-elvis-food--apollo-academy-academy"},
	{274877906944, "words", "academy-academy-academy--baron-academy-academy"},
	{64525172736, "dothex", "0000.000f.0600.0000"},
	{64525172736, "words", "explore-cecilia-apollo--albert-academy-academy"},
	// ends of the range
	{0, "f58", "ƒ1"},
	{0, "emoji", "😃"},
	{math.MaxUint64, "f58", "ƒjpXCZedGfVQ"},
	{math.MaxUint64, "dothex", "ffff.ffff.ffff.ffff"},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		if got, err := v.id.Encode(strings.ToUpper(v.form)); err != nil || got != v.text {
			t.Errorf("%d as %s: %q, %v; want %q", v.id, v.form, got, err, v.text)
		}
		if got, err := Parse(" " + v.text + "\n"); err != nil || got != v.id {
			t.Errorf("Parse(%q) = %d, %v; want %d", v.text, got, err, v.id)
		}
	}
	if _, err := ID(0).Encode("roman"); err == nil {
		t.Error("an unknown form was accepted")
	}
}

// RFC 19 gives examples in F58 and emoji without their value; both have to
// read and write back.
func TestExamples(t *testing.T) {
	for _, text := range []string{"ƒZemgA8Bzf", "ƒ278oEf7zGf", "0xedaf97d000000", "random-idea-yoyo--sugar-printer-academy",
		"🚹💂🙌😳💱🏃", "😄😹🎇📥🏧🙉🔞", "🚹💂🈳💰🎩🏃"} {
		id, err := Parse(text)
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		if got := [...]string{id.F58(), id.Hex(), id.Words(), id.Emoji()}; got[0] != text && got[1] != text && got[2] != text && got[3] != text {
			t.Errorf("Parse(%q) is %d, written as %v", text, id, got)
		}
	}
}

func TestTables(t *testing.T) {
	if len(wordList) != wordBase || len(wordValue()) != wordBase {
		t.Errorf("%d words, %d distinct", len(wordList), len(wordValue()))
	}
	distinct := map[rune]bool{}
	for _, c := range emojis {
		if n := len(string(c)); n != 4 {
			t.Errorf("%c has %d bytes", c, n)
		}
		distinct[c] = true
	}
	if len(distinct) != 576 {
		t.Errorf("%d emoji", len(distinct))
	}
}

func TestParseErrors(t *testing.T) {
	for _, tc := range []struct {
		in     string
		offset int
		reason string
	}{
		{"", 0, "empty"},
		{"  ", 2, "empty"},
		{"f", 1, "missing"},
		{"ƒ", 2, "missing"},
		{" ƒ1l", 4, "base 58"},
		{"0x", 2, "missing"},
		{"0xfg", 3, "base 16"},
		{"12a", 2, "base 10"},
		{"+1", 0, "base 10"},
		{"1 2", 1, "base 10"},
		{"99999999999999999999", 0, "64 bits"},
		{"0x10000000000000000", 2, "64 bits"},
		{"ƒjpXCZedGfVR", 2, "64 bits"},
		{"1.2.3", 0, "four groups"},
		{"1.2.3.4.5", 0, "four groups"},
		{"1.2.30000.4", 4, "hexadecimal"},
		{"1.2..4", 4, "hexadecimal"},
		{"job.1.2.+3.4", 8, "hexadecimal"},
		{"academy-nosuch", 8, `"nosuch"`},
		{"academy-academy-academy--academy-academy", 40, "too few"},
		{"academy-academy-academy--academy-academy-academy-x", 49, "too many"},
		{"academy-academy-amen--academy-academy-academy", 0, "no number"},
		{"😃\xf0\x9f", 4, "base 576"},
		{"😃€", 4, "base 576"},
		{"😄😃😃😃😃😃😃😃", 0, "64 bits"},
	} {
		id, err := Parse(tc.in)
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("Parse(%q) = %d, %v, want a ParseError", tc.in, id, err)
			continue
		}
		if pe.Offset != tc.offset || !strings.Contains(pe.Reason, tc.reason) {
			t.Errorf("Parse(%q): %d: %s; want %d: %s", tc.in, pe.Offset, pe.Reason, tc.offset, tc.reason)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := ID(rapid.Uint64().Draw(t, "id"))
		for form := range forms {
			text, _ := id.Encode(form)
			if got, err := Parse(text); err != nil || got != id {
				t.Fatalf("%d as %s is %q, read as %d, %v", id, form, text, got, err)
			}
		}
		if Make(id.Timestamp(), id.Generator(), id.Sequence()) != id {
			t.Fatalf("%d does not survive being taken apart", id)
		}
	})
}

func TestJSONIsANumber(t *testing.T) {
	out, err := json.Marshal(ID(354502574080))
	if err != nil || string(out) != "354502574080" {
		t.Errorf("%s, %v", out, err)
	}
	var id ID
	for in, want := range map[string]ID{"-1": 1<<64 - 1, "18446744073709551615": 1<<64 - 1, "7": 7} {
		if err := json.Unmarshal([]byte(in), &id); err != nil || id != want {
			t.Errorf("%s: %d, %v", in, id, err)
		}
	}
	for _, in := range []string{"1.5", `"7"`, "18446744073709551616", "null"} {
		if err := json.Unmarshal([]byte(in), &id); err == nil && in != "null" {
			t.Errorf("%s was accepted", in)
		}
	}
}

func TestGenerator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Uint32Range(0, MaxGenerator).Draw(t, "generator")
		g, err := NewGenerator(number, 5)
		if err != nil {
			t.Fatal(err)
		}
		last, now := ID(0), uint64(0)
		for range rapid.IntRange(1, 3000).Draw(t, "calls") {
			now = uint64(max(0, int64(now)+rapid.Int64Range(-1, 2).Draw(t, "step")/2))
			id, ok := g.Next(now)
			if !ok {
				if last.Sequence() != MaxSequence {
					t.Fatalf("refused after sequence number %d", last.Sequence())
				}
				now++
				continue
			}
			if id <= last || id.Generator() != number || id.Timestamp() < max(now, 5) {
				t.Fatalf("at %d: %x after %x", now, id, last)
			}
			last = id
		}
	})
	if _, err := NewGenerator(MaxGenerator+1, 0); err == nil {
		t.Error("generator number out of range was accepted")
	}
	g, _ := NewGenerator(0, 0)
	if _, ok := g.Next(MaxTimestamp + 1); ok {
		t.Error("timestamp out of range was accepted")
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.text)
	}
	f.Fuzz(func(t *testing.T, in string) {
		id, err := Parse(in)
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Offset < 0 || pe.Offset > len(in) {
				t.Fatalf("Parse(%q): bad error %v", in, err)
			}
			return
		}
		if back, err := Parse(id.String()); err != nil || back != id {
			t.Fatalf("%q is %d, written %s, read as %d, %v", in, id, id, back, err)
		}
	})
}
