// SPDX-License-Identifier: LGPL-3.0-or-later

package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestBarKeepsItsWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		done := rapid.Float64Range(-1, 2).Draw(t, "done")
		width := rapid.IntRange(0, 200).Draw(t, "width")
		if n := utf8.RuneCountInString(bar(done, width)); n != width+2 {
			t.Fatalf("%d columns, want %d", n, width+2)
		}
	})
	if got := bar(1, 3); got != "│███│" {
		t.Errorf("full bar: %s", got)
	}
	if got := bar(0.5, 3); got != "│█▌ │" {
		t.Errorf("half a bar: %s", got)
	}
}

func TestDrawnLinesFit(t *testing.T) {
	var out bytes.Buffer
	b := Start(&out, func() (int, int) { return 24, 40 }, Source{
		Before: func() string { return "before " },
		After:  func() string { return " after" },
		Done:   func() float64 { return 0.25 },
	})
	if n := utf8.RuneCountInString(b.line()); n != 40 {
		t.Errorf("%d columns, want 40: %s", n, b.line())
	}
	b.Stop()
	if !strings.HasSuffix(out.String(), " after\n") || !strings.Contains(out.String(), "\033[r") {
		t.Errorf("end: %q", out.String())
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain\n":                 "plain\n",
		"\033[31mred\033[0m":      "\033[31mred\033[0m",
		"a\033[2Jb\033[1;20rc":    "abc",
		"x\0337y\0338z\033c\033D": "xyz",
		"up\033[3A \033[?25l.":    "up .",
		"cut\033[":                "cut\033[",
		"\033":                    "\033",
	} {
		if got := string(Clean([]byte(in))); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestClock(t *testing.T) {
	if got := Clock(3725*time.Second + 400*time.Millisecond); got != "1:02:05" {
		t.Error(got)
	}
	if got := Clock(25 * time.Hour); got != "1 days, 1:00:00" {
		t.Error(got)
	}
}
