// SPDX-License-Identifier: LGPL-3.0-or-later

package fsd

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseSeconds(t *testing.T) {
	inf := math.Inf(1)
	for in, want := range map[string]float64{
		// RFC 23
		"2ms": 0.002, "0.1s": 0.1, "30": 30, "1.2h": 4320, "5m": 300, "0s": 0, "5d": 432000,
		"inf": inf, "INF": inf, "infinity": inf,
		// forms of C99 strtod
		"+1.5": 1.5, ".5s": 0.5, "5.m": 300, "1e3": 1000, "1E-1s": 0.1, "0x10": 16, "0X1p4s": 16, "0x.8m": 30,
		" 7": 7, "-0": 0, "Infinity": inf, "+inf": inf, "0xd": 13,
	} {
		got, err := ParseSeconds(in)
		if err != nil || got != want || math.Signbit(got) {
			t.Errorf("ParseSeconds(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tc := range []struct {
		in     string
		offset int
		reason string
	}{
		{"", 0, "want a number"},
		{"s", 0, "want a number"},
		{".", 0, "want a number"},
		{"nan", 0, "not a number"},
		{"-1", 0, "negative"},
		{"-inf", 0, "negative"},
		{"1S", 1, "unknown unit"},
		{"1 s", 1, "unknown unit"},
		{"1.5x", 3, "unknown unit"},
		{"1e", 1, "unknown unit"},
		{"1_000", 1, "unknown unit"},
		{"0x", 1, "unknown unit"},
		{"5mm", 1, "unknown unit"},
		{"infs", 3, "no unit"},
		{"1e999", 0, "in range"},
		{"1e308d", 0, "out of range"},
		{strings.Repeat("1", 200), 128, "longer"},
	} {
		_, err := ParseSeconds(tc.in)
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("ParseSeconds(%q): error %v, want a ParseError", tc.in, err)
			continue
		}
		if pe.Offset != tc.offset || !strings.Contains(pe.Reason, tc.reason) {
			t.Errorf("ParseSeconds(%q): %d: %s; want %d: %s", tc.in, pe.Offset, pe.Reason, tc.offset, tc.reason)
		}
	}
}

func TestParse(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"2ms": 2 * time.Millisecond, "0.1s": 100 * time.Millisecond, "1.5m": 90 * time.Second, "106751d": 106751 * 24 * time.Hour,
	} {
		if got, err := Parse(in); err != nil || got != want {
			t.Errorf("Parse(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, bad := range []string{"inf", "106752d", "x"} {
		if got, err := Parse(bad); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", bad, got)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, tc := range []struct {
		seconds     float64
		long, short string
	}{
		{0, "0s", "0s"},
		{0.0621, "62.1ms", "0.062s"},
		{0.0000123, "0.0123ms", "0s"},
		{0.1, "0.1s", "0.100s"},
		{0.33, "0.33s", "0.330s"},
		{2.1135270595550537, "2.11353s", "2.114s"},
		{15.3247, "15.3247s", "15.32s"},
		{30, "30s", "30s"},
		{59.999999, "60s", "60s"},
		{60, "1m", "1m"},
		{90, "1.5m", "1.5m"},
		{3600, "1h", "1h"},
		{14400, "4h", "4h"},
		{86400, "1d", "1d"},
		{604800, "7d", "7d"},
		{86400 * 1234567, "1.23457e+06d", "1.235e+06d"},
		{math.Inf(1), "infinity", "inf"},
		{-90, "-1.5m", "0s"},
	} {
		if got := Format(tc.seconds); got != tc.long {
			t.Errorf("Format(%v) = %q, want %q", tc.seconds, got, tc.long)
		}
		if got := FormatShort(tc.seconds); got != tc.short {
			t.Errorf("FormatShort(%v) = %q, want %q", tc.seconds, got, tc.short)
		}
	}
	if got := FormatDuration(90 * time.Second); got != "1.5m" {
		t.Errorf("FormatDuration: %q", got)
	}
}

// What Format writes, Parse reads, to six digits.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.Float64Range(0, 1e12).Draw(t, "seconds")
		got, err := ParseSeconds(Format(want))
		if err != nil || math.Abs(got-want) > want*1e-5 {
			t.Fatalf("%v is written %q and read as %v, %v", want, Format(want), got, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"1", "2ms", "1.2h", "inf", "0x1p4", "1e999", "nan", "-3", "5 m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := ParseSeconds(in)
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Offset < 0 || pe.Offset > len(in) {
				t.Fatalf("ParseSeconds(%q): bad error %v", in, err)
			}
			return
		}
		if math.IsNaN(got) || got < 0 || math.Signbit(got) {
			t.Fatalf("ParseSeconds(%q) = %v", in, got)
		}
		if _, err := ParseSeconds(Format(got)); err != nil {
			t.Fatalf("%q: cannot read %q back: %v", in, Format(got), err)
		}
	})
}
