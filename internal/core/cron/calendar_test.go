// SPDX-License-Identifier: LGPL-3.0-or-later

package cron_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"goflux/internal/core/cron"
)

// crontab is the calendar of a crontab's five fields.
func crontab(t testing.TB, line string) *cron.Calendar {
	t.Helper()
	c := cron.NewCalendar()
	if err := c.SetNumber(cron.Second, 0); err != nil {
		t.Fatal(err)
	}
	units := []cron.Unit{cron.Minute, cron.Hour, cron.Mday, cron.Month, cron.Weekday}
	for i, field := range strings.Fields(line) {
		if err := c.Set(units[i], field); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestNext(t *testing.T) {
	const layout = "2006-01-02 15:04:05"
	for _, c := range []struct{ line, from, want string }{
		{"15 * * * *", "2016-06-01 15:30:00", "2016-06-01 16:15:00"},
		{"0 0 * * *", "2016-06-01 16:15:00", "2016-06-02 00:00:00"},
		{"0 0 * * *", "2016-06-02 00:00:00", "2016-06-03 00:00:00"},
		{"0 0 * * Mon", "2016-06-04 15:45:00", "2016-06-06 00:00:00"},
		{"0 0 30 * *", "2016-06-05 15:45:00", "2016-06-30 00:00:00"},
		{"0 0 30 dec *", "2016-06-05 15:45:00", "2016-12-30 00:00:00"},
		{"0 0 29 1 *", "2016-02-29 00:00:00", "2020-02-29 00:00:00"},
		{"*/20 8-9 * * 1-5", "2016-06-03 09:41:00", "2016-06-06 08:00:00"},
		{"59 23 31 december,jan *", "2016-12-31 23:59:30", "2017-01-31 23:59:00"},
		{"0 0 30 1 *", "2016-01-01 00:00:00", ""},
	} {
		from, err := time.Parse(layout, c.from)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if next, ok := crontab(t, c.line).Next(from); ok {
			got = next.Format(layout)
		}
		if got != c.want {
			t.Errorf("%q after %s: %q, want %q", c.line, c.from, got, c.want)
		}
	}
}

// TestClockChanges: an hour that is skipped runs nothing, one that comes twice
// runs once.
func TestClockChanges(t *testing.T) {
	loc, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Skip("no time zones on this host")
	}
	daily := crontab(t, "30 2 * * *")
	if next, _ := daily.Next(time.Date(2016, 3, 13, 0, 0, 0, 0, loc)); next.Day() != 14 {
		t.Errorf("02:30 on the day without it: %s", next)
	}
	late := crontab(t, "30 1 * * *")
	first, _ := late.Next(time.Date(2016, 11, 6, 0, 0, 0, 0, loc))
	if second, _ := late.Next(first); first.Day() != 6 || second.Day() != 7 {
		t.Errorf("01:30 on the day with two of them: %s, %s", first, second)
	}
	hourly := crontab(t, "30 * * * *")
	first, _ = hourly.Next(time.Date(2016, 11, 6, 1, 0, 0, 0, loc))
	if second, _ := hourly.Next(first); second.Sub(first) != time.Hour {
		t.Errorf("hourly: %s, %s", first, second)
	}
}

// TestNextIsTheFirst compares with looking at every minute.
func TestNextIsTheFirst(t *testing.T) {
	fits := func(c *cron.Calendar, at time.Time, line string) bool {
		f := strings.Fields(line)
		in := func(field string, n int) bool {
			only := cron.NewCalendar()
			if err := only.Set(cron.Year, field); err != nil { // any unit that takes all numbers
				return false
			}
			return strings.Contains(","+expand(only.Field(cron.Year))+",", ","+itoa(n)+",")
		}
		return in(f[0], at.Minute()) && in(f[1], at.Hour()) && in(f[2], at.Day()) && in(f[4], int(at.Weekday()))
	}
	rapid.Check(t, func(rt *rapid.T) {
		field := func(lo, hi int, name string) string {
			a := rapid.IntRange(lo, hi).Draw(rt, name)
			b := rapid.IntRange(a, hi).Draw(rt, name+" to")
			return itoa(a) + "-" + itoa(b) + "/" + itoa(rapid.IntRange(1, 9).Draw(rt, name+" by"))
		}
		line := field(0, 59, "minute") + " " + field(0, 23, "hour") + " " + field(1, 28, "mday") + " * " + field(0, 6, "weekday")
		from := time.Unix(rapid.Int64Range(0, 2e9).Draw(rt, "from")/60*60, 0).UTC()
		c := crontab(t, line)
		got, ok := c.Next(from)
		if !ok {
			rt.Fatalf("%s has no next time after %s", line, from)
		}
		if !fits(c, got, line) || got.Second() != 0 || !got.After(from) {
			rt.Fatalf("%s after %s: %s", line, from, got)
		}
		const look = 1000 // minutes
		for at := from.Add(time.Minute); at.Before(got) && at.Sub(from) < look*time.Minute; at = at.Add(time.Minute) {
			if fits(c, at, line) {
				rt.Fatalf("%s after %s: %s, but %s fits", line, from, got, at)
			}
		}
	})
}

func TestFieldErrors(t *testing.T) {
	c := cron.NewCalendar()
	for _, bad := range []string{"", "60", "-1", "5-2", "*/0", "x", "1,", "1-", "*/99999999999", "monda"} {
		if err := c.Set(cron.Minute, bad); err == nil {
			t.Errorf("minute %q is taken", bad)
		}
	}
	if err := c.Set(cron.Weekday, "su"); err == nil {
		t.Error("a day of two letters is taken")
	}
	if err := c.SetNumber(cron.Mday, 0); err == nil {
		t.Error("day 0 is taken")
	}
	if got := c.Field(cron.Minute); got != "0-59" {
		t.Errorf("minutes after refusals: %s", got)
	}
}

func FuzzField(f *testing.F) {
	for _, s := range []string{"*", "1-5/2", "mon-fri", "0,30", "*/15"} {
		f.Add(s, 1)
	}
	f.Fuzz(func(t *testing.T, list string, unit int) {
		u := cron.Unit(uint(unit) % uint(cron.Units))
		c := cron.NewCalendar()
		if c.Set(u, list) == nil && c.Field(u) == "" {
			t.Errorf("%q is nothing", list)
		}
	})
}
