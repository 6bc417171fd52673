// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"goflux/idset"
)

func TestChooseRanks(t *testing.T) {
	job := idset.MustParse("3,5-6,9")
	for _, c := range []struct {
		include, exclude string
		relative         bool
		want             string // "" for an error
	}{
		{"all", "", true, "3,5-6,9"},
		{"0,3", "", true, "3,9"},
		{"all", "0", true, "5-6,9"},
		{"all", "5", false, "3,6,9"},
		{"4", "", true, ""},
		{"x", "", true, ""},
	} {
		got, err := chooseRanks(job, c.include, c.exclude, c.relative)
		if c.want == "" && err == nil || c.want != "" && (err != nil || got.String() != c.want) {
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
}

func TestCutValue(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"key = value", 0, "key = value"},
		{"key = value", 80, "key = value"},
		{"key = value", 10, "key = v..."},
		{"key = a\nb", 80, "key = a..."},
		{"key = a\n", 80, "key = a"},
		{"key = a\x00b", 0, "key = a"},
		{"kƒƒƒƒƒƒ", 8, "kƒƒ..."},
	} {
		if got := cutValue(c.in, c.width); got != c.want {
			t.Errorf("cutValue(%q, %d) = %q, want %q", c.in, c.width, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s, width := rapid.String().Draw(t, "s"), rapid.IntRange(minValueWidth, 30).Draw(t, "width")
		if got := cutValue(s, width); len(got) > max(width, 3) || !utf8.ValidString(got) {
			t.Fatalf("cutValue(%q, %d) = %q", s, width, got)
		}
	})
}

func TestHumanTime(t *testing.T) {
	begin := time.Date(2026, 11, 22, 20, 16, 1, 0, time.Local)
	show := func(delta bool) string {
		h := humanTime{delta: delta}
		var out []string
		for _, after := range []time.Duration{0, time.Second, 3 * time.Second, 61 * time.Second} {
			text, _ := h.format(begin.Add(after))
			out = append(out, text)
		}
		return strings.Join(out, "")
	}
	if got, want := show(false), "[Nov22 20:16][  +1.000000][  +3.000000][Nov22 20:17]"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := show(true), "[Nov22 20:16][  +1.000000][  +2.000000][Nov22 20:17]"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAttachValues(t *testing.T) {
	a := newApp()
	root := newRoot()
	root.AddCommand(newDmesg(a), newModule(a))
	for in, want := range map[string]string{
		"dmesg -Lalways":           "dmesg -L=always",
		"dmesg -HLnever":           "dmesg -HL=never",
		"dmesg -L -H":              "dmesg -L -H",
		"dmesg -- -Lalways":        "dmesg -- -Lalways",
		"module stats -Rself kvs":  "module stats -R=self kvs",
		"module stats -pRself kvs": "module stats -pRself kvs",
	} {
		if got := strings.Join(attachValues(root, strings.Fields(in)), " "); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestJSONPath(t *testing.T) {
	v := jsontext.Value(`{"a":{"b":[1, 2.0]},"a":{"b":"last"}}`)
	if got, ok := jsonPath(v, "a.b"); !ok || string(got) != `"last"` {
		t.Errorf("%s %v", got, ok)
	}
	for _, path := range []string{"", "a.c", "a.b.c", "x"} {
		if got, ok := jsonPath(v, path); ok {
			t.Errorf("%q: %s", path, got)
		}
	}
	if keys, err := jsonKeys(jsontext.Value(`{"z":1,"a":{"q":2},"m":[]}`)); err != nil || strings.Join(keys, ",") != "z,a,m" {
		t.Errorf("%v %v", keys, err)
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int{"0": 0, "1k": 1024, "1.5K": 1536, "2M": 2 << 20, "": -1, "k": -1, "-1": -1, "9G": -1, "x": -1} {
		got, err := parseSize(in)
		if want < 0 && err == nil || want >= 0 && (got != want || err != nil) {
			t.Errorf("%q: %d, %v", in, got, err)
		}
	}
}

func TestZ85(t *testing.T) {
	// The example of ZeroMQ's RFC 32.
	if got := z85([]byte{0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b}); got != "HelloWorld" {
		t.Errorf("%q", got)
	}
}

func FuzzParseLogRecord(f *testing.F) {
	f.Add("<56>1 2026-11-22T20:16:01.958320Z 0 broker - - - text of it")
	f.Add("<999>1 x")
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := parseLogRecord(s); err == nil && r.severity >= len(severityNames) {
			t.Errorf("%q: severity %d", s, r.severity)
		}
	})
}
