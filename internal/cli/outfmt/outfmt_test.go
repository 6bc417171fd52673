// SPDX-License-Identifier: LGPL-3.0-or-later

package outfmt

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func init() { time.Local = time.UTC }

var headings = map[string]string{"s": "STRING", "i": "INTEGER", "f": "FLOAT", "d": "DATETIME", "b": "BOOL", "n": "NONE", "id.f58": "JOBID"}

type row map[string]any

func (r row) Field(name string) any { return r[name] }

var item = row{"s": "foo", "i": 42, "f": 1234.567, "d": 978336000.0, "b": true, "id.f58": "ƒ2xBoJF"}

func mustParse(t *testing.T, format string) *Format {
	t.Helper()
	f, err := Parse(format, headings)
	if err != nil {
		t.Fatalf("%q: %v", format, err)
	}
	return f
}

func TestLines(t *testing.T) {
	for _, c := range []struct{ format, header, line string }{
		{"", "", ""},
		{"{s}", "STRING", "foo"},
		{"{f}", "FLOAT", "1234.567"},
		{"{d}", "DATETIME", "978336000.0"},
		{"{s:<6} {i:>7d}", "STRING INTEGER", "foo         42"},
		{"{s:<6} {f:>8.2f}", "STRING    FLOAT", "foo     1234.57"},
		{"a {s:<6} b{f:>8.2f} ", "a STRING b   FLOAT ", "a foo    b 1234.57 "},
		{"{i:>7d} {d!d:%b%d %R::^20}", "INTEGER       DATETIME      ", "     42     Jan01 08:00     "},
		{"sort:i,-d {i:>9}", "  INTEGER", "       42"},
		{"{s:>2.2+}{i}", "STRINGINTEGER", "f+42"},
		{"{s:5.2}|", "STRING|", "fo   |"},
		{"{{x}} {s}", "{x} STRING", "{x} foo"},
		{"{id.f58:>12}", "       JOBID", "     ƒ2xBoJF"},
		{"{d!D}", "DATETIME", "2001-01-01T08:00:00"},
		{"{d!d}", "DATETIME", "2001-01-01T08:00:00"},
		{"{d!d:%H:%M:%S}", "DATETIME", "08:00:00"},
		{"{f!F:>8h}", "   FLOAT", "  20.58m"},
		{"{f!H:>8h}", "   FLOAT", " 0:20:35"},
		{"{n!F:>4h}{n!H:>3h}{n!D:h}{n!d:h}{n!d:%F::>3h}", "NONENONENONENONENONE", "   -  ---  -"},
		{"{n:h}{n:>5}", "NONE NONE", "-     "},
		{"{b} {b:>5h} {b:>3}", "BOOL  BOOL BOOL", "True  True   1"},
		{"{i:05d} {i:+d} {i:x} {i:#x} {i:^6}|", "INTEGER INTEGER INTEGER INTEGER INTEGER|", "00042 +42 2a 0x2a   42  |"},
		{"{f:,.1f} {f:.3} {f:10.4g}|{f:e}", "FLOAT FLOAT FLOAT     |FLOAT", "1,234.6 1.23e+03       1235|1.234567e+03"},
		{"{s:*^9}", " STRING  ", "***foo***"},
		{"{s!r}", "STRING", "'foo'"},
		{"{i!P}", "INTEGER", "4.2e+03%"},
	} {
		f := mustParse(t, c.format)
		if got := f.Header(); got != c.header {
			t.Errorf("%q: header %q, want %q", c.format, got, c.header)
		}
		if got, err := f.Line(item); got != c.line || err != nil {
			t.Errorf("%q: line %q, %v, want %q", c.format, got, err, c.line)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, format := range []string{
		"{x}", "{s", "s}", "{s!x}", "{s!d", "{s:>1.}", "{s:5q}", "{}", "{:>5}", "sort:x {s}", "{i:999999}",
		strings.Repeat("{s}", MaxFields+1),
	} {
		if _, err := Parse(format, headings); err == nil {
			t.Errorf("%.20q: no error", format)
		}
	}
	for _, format := range []string{"{s:d}", "{s!F}", "{i:s}", "{i:.2d}", "{f:d}"} {
		if line, err := mustParse(t, format).Line(item); err == nil {
			t.Errorf("%q: no error but %q", format, line)
		}
	}
}

func print(t *testing.T, format string, rows []row, opt Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Print(mustParse(t, format), &b, rows, opt); err != nil {
		t.Fatalf("%q: %v", format, err)
	}
	return b.String()
}

func TestPrintFitsColumns(t *testing.T) {
	rows := []row{{"s": "", "i": 0, "f": 2.2}, {"s": "", "i": 1, "f": 1.1}, {"s": "", "i": 23456789, "f": 1.0}}
	for _, c := range []struct {
		format string
		opt    Options
		want   string
	}{
		{"?+:{i:>7} ?:{s:>6} ?:{f:8.2}", Options{}, " INTEGER FLOAT   \n       0      2.2\n       1      1.1\n23456789      1.0\n"},
		{"?+:{i:>7}?:{s:>6} ?+:{f:.2f}", Options{}, " INTEGER FLOAT\n       0  2.20\n       1  1.10\n23456789  1.00\n"},
		{"?+:{i:>7}?:{s:>6} ?+:{f:.1f}", Options{NoHeader: true}, "       0 2.2\n       1 1.1\n23456789 1.0\n"},
		{"{i:<9} x ?:{s}", Options{Width: 8}, "INTEGER+\n0      +\n1      +\n2345678+\n"},
		{"sort:-i {i}", Options{NoHeader: true}, "23456789\n1\n0\n"},
	} {
		if got := print(t, c.format, rows, c.opt); got != c.want {
			t.Errorf("%q:\n%swant\n%s", c.format, got, c.want)
		}
	}
	names := []row{{"s": "abcdefghijkl"}, {"s": "xy"}, {"s": ""}}
	if got, want := print(t, "+:{s:<3.3+}|{s:.3+}", names, Options{}), "STRING      |STRING\nabcdefghijkl|ab+\nxy          |xy\n            |\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := print(t, "{s}", names, Options{NoHeader: true, Decorate: func(i int, l string) string { return string(rune('0'+i)) + l }}); got != "0abcdefghijkl\n1xy\n" {
		t.Errorf("blank lines: %q", got)
	}
}

func TestWideCharacters(t *testing.T) {
	rows := []row{{"s": "日本語"}, {"s": "e\u0301te\u0301"}, {"s": "ab"}}
	want := "STRING|\n日本語|\n   e\u0301te\u0301|\n    ab|\n"
	if got := print(t, "{s:>6}|", rows, Options{}); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := print(t, "{s:<5.5+}|", rows[:1], Options{NoHeader: true}); got != "日+ |\n" && got != "日+  |\n" && got != "日本+\n" {
		t.Logf("cut: %q", got)
	}
}

func TestSort(t *testing.T) {
	for _, c := range []struct{ keys, want string }{
		{"s", "  5 10 a b"}, {"-s", "b a 10 5  "}, {"i,s", " a b  5 10"}, {"s,,", "  5 10 a b"},
	} {
		rows := []row{{"s": "b", "i": 1}, {"s": "10", "i": 2}, {"s": nil}, {"s": "a", "i": 1}, {"s": "5", "i": 2}}
		f := mustParse(t, "{s}")
		if err := f.SetSort(c.keys); err != nil {
			t.Fatal(err)
		}
		Sort(f, rows)
		var got []string
		for _, r := range rows {
			got = append(got, Text(r["s"]))
		}
		if strings.Join(strings.Fields(strings.Join(got, " ")), " ") != strings.Join(strings.Fields(c.want), " ") {
			t.Errorf("%s: %q", c.keys, got)
		}
	}
	if err := mustParse(t, "{s}").SetSort("nosuch"); err == nil {
		t.Error("nosuch is no key")
	}
}

func TestMerge(t *testing.T) {
	rows := []*countRow{{row{"s": "a"}, 1}, {row{"s": "b"}, 2}, {row{"s": "a"}, 3}}
	got, err := Merge(mustParse(t, "{s:>3} +:{i:>4}"), rows, []string{"i"}, func(into, from *countRow) { into.n += from.n })
	if err != nil || len(got) != 2 || got[0].n != 4 || got[1].n != 2 {
		t.Errorf("%v %v", got, err)
	}
}

type countRow struct {
	row
	n int
}

func (r *countRow) Field(name string) any {
	if name == "i" {
		return r.n
	}
	return r.row[name]
}

func TestNumbers(t *testing.T) {
	for f, want := range map[float64]string{0: "0.0", 1e16: "1e+16", 1e15: "1000000000000000.0", 0.0001: "0.0001", 0.00001: "1e-05", math.Inf(-1): "-inf"} {
		if got := floatText(f); got != want {
			t.Errorf("floatText(%g) = %q, want %q", f, got, want)
		}
	}
	for f, want := range map[float64]string{0.5: "50%", 0.015: "1.5%", 1: "100%", 0.001: "0.10%", 0: "0%", 0.1234: "12.3%"} {
		if got := percentage(f); got != want {
			t.Errorf("percentage(%g) = %q, want %q", f, got, want)
		}
	}
	for f, want := range map[float64]string{0: "0:00:00", 0.1: "0:00:01", 3661: "1:01:01", 86400: "1 day, 0:00:00", 200000: "2 days, 7:33:20"} {
		if got := hoursMinutesSeconds(f); got != want {
			t.Errorf("hoursMinutesSeconds(%g) = %q, want %q", f, got, want)
		}
	}
}

func TestStrftime(t *testing.T) {
	when := time.Date(2026, 11, 1, 3, 4, 5, 678901000, time.UTC)
	for format, want := range map[string]string{
		"%Y-%m-%d %H:%M:%S.%f": "2026-11-01 03:04:05.678901",
		"%b%d %R":              "Nov01 03:04",
		"%j %U %W %V %u %w":    "305 44 43 44 7 0",
		"%-d/%-m %e %k %I%p":   "1/11  1  3 03AM",
		"%% %Q %":              "% %Q %",
		"%s":                   "1793502245",
	} {
		if got := strftime(when, format); got != want {
			t.Errorf("%q: %q, want %q", format, got, want)
		}
	}
}

var testSet = Set{Tool: "flux-test", Builtin: []Named{{"default", "The default", "{s}"}, {"long", "", "{s} {i}"}}}

func TestNamedFormats(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("XDG_CONFIG_DIRS", t.TempDir())
	t.Setenv("FLUX_TEST_FORMAT_DEFAULT", "")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, "flux"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "flux", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("flux-test.toml", "[formats.mine]\ndescription = \"a \\\"toml\\\"\"\nformat = \"{i}\"\n")
	write("flux-test.json", `{"formats":{"j":{"format":"{f}"}, "mine":{"format":"x"}}}`)
	write("flux-test.yaml", "formats:\n  y:\n    format: \"{d}\"\n")
	write("flux-test.bak", "!")
	var b bytes.Buffer
	for name, want := range map[string]string{"default": "{s}", "mine": "{i}", "j": "{f}", "y": "{d}", "{s}x": "{s}x"} {
		if got, done, err := testSet.Resolve(&b, name); got != want || done || err != nil {
			t.Errorf("%s: %q %v %v", name, got, done, err)
		}
	}
	if _, _, err := testSet.Resolve(&b, "s,i"); err == nil || !strings.Contains(err.Error(), "Did you mean '{s},{i}'?") {
		t.Errorf("s,i: %v", err)
	}
	if _, done, err := testSet.Resolve(&b, "get-config=mine"); !done || err != nil || b.String() != "[formats.mine]\ndescription = \"a \\\"toml\\\"\"\nformat = \"{i}\"\n" {
		t.Errorf("%v %v %q", done, err, b.String())
	}
	b.Reset()
	if _, done, _ := testSet.Resolve(&b, "help"); !done || !strings.Contains(b.String(), "\n  default      The default\n") {
		t.Errorf("%v %q", done, b.String())
	}
	t.Setenv("FLUX_TEST_FORMAT_DEFAULT", "long")
	if got, _, err := testSet.Resolve(&b, "default"); got != "{s} {i}" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	for _, bad := range []string{"[formats.default]\nformat='x'", "formats=1", "[formats]\nx=1", "[formats.x]\ny=1", "[formats.x]\nformat=1", "x"} {
		write("flux-test.toml", bad)
		if _, _, err := testSet.Resolve(&b, "default"); err == nil || !strings.Contains(err.Error(), "flux-test.toml") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestPadding: whatever the value, a column is as wide as asked for.
func TestPadding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		width := rapid.IntRange(0, 40).Draw(t, "width")
		align := rapid.SampledFrom([]rune("<>^")).Draw(t, "align")
		if got := pad(s, width, ' ', align); Width(got) != max(width, Width(s)) || !strings.Contains(got, s) {
			t.Fatalf("pad(%q, %d) = %q", s, width, got)
		}
		if got := cut(s, width); Width(got) > width || !strings.HasPrefix(s, got) {
			t.Fatalf("cut(%q, %d) = %q", s, width, got)
		}
	})
}

func FuzzFormat(f *testing.F) {
	for _, s := range []string{"{s:>5}", "?+:{i:<4.4h+}", "sort:-s {d!d:%H::>5h}", "{{{f!P:0=+#10,.3g}", "{b:c}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		format, err := Parse(s, headings)
		if err != nil {
			return
		}
		_ = format.Header()
		line, err := format.Line(item)
		if err == nil && utf8.ValidString(s) && !utf8.ValidString(line) {
			t.Errorf("%q: %q", s, line)
		}
	})
}
