// SPDX-License-Identifier: LGPL-3.0-or-later

package cron

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"goflux/idset"
)

// Unit is a field of a calendar.
type Unit int

// The units. Months count from 0 and years from 1900, as in struct tm; weekday 0
// is Sunday.
const (
	Second Unit = iota
	Minute
	Hour
	Mday
	Month
	Year
	Weekday
	Units // their number
)

// unitInfo says what a unit is called and what it may be.
type unitInfo struct {
	name   string
	lo, hi uint32
	words  []string
}

var unitTable = [Units]unitInfo{
	Second:  {name: "second", hi: 60},
	Minute:  {name: "minute", hi: 59},
	Hour:    {name: "hour", hi: 23},
	Mday:    {name: "mday", lo: 1, hi: 31},
	Month:   {name: "month", hi: 11, words: monthNames()},
	Year:    {name: "year", hi: 3000 - 1900},
	Weekday: {name: "weekday", hi: 6, words: weekdayNames()},
}

func (u Unit) String() string { return unitTable[u].name }

func monthNames() []string {
	var names []string
	for m := time.January; m <= time.December; m++ {
		names = append(names, strings.ToLower(m.String()))
	}
	return names
}

func weekdayNames() []string {
	var names []string
	for d := time.Sunday; d <= time.Saturday; d++ {
		names = append(names, strings.ToLower(d.String()))
	}
	return names
}

// Calendar is a set of points in time: those whose fields are each in the
// unit's set.
type Calendar struct{ sets [Units]*idset.Set }

// NewCalendar returns the calendar of every second.
func NewCalendar() *Calendar {
	c := new(Calendar)
	for u := range Units {
		c.sets[u] = idset.FromRange(unitTable[u].lo, unitTable[u].hi)
	}
	return c
}

// Field is the set of a unit's values as an RFC 22 idset.
func (c *Calendar) Field(u Unit) string { return c.sets[u].String() }

// SetNumber makes n the only value of a unit.
func (c *Calendar) SetNumber(u Unit, n int64) error {
	info := unitTable[u]
	if n < int64(info.lo) || n > int64(info.hi) {
		return fmt.Errorf("%s %d is not in %d-%d", info.name, n, info.lo, info.hi)
	}
	c.sets[u] = idset.New(uint32(n))
	return nil
}

// Set makes list the values of a unit: numbers, ranges LOW-HIGH or "*" for all,
// separated by commas; a range followed by /N is every Nth of it. Months and
// days of the week may be given by their names or the first three letters.
func (c *Calendar) Set(u Unit, list string) error {
	set := idset.New()
	for item := range strings.SplitSeq(list, ",") {
		lo, hi, stride, err := unitTable[u].parse(item)
		if err != nil {
			return err
		}
		for n := lo; n <= hi; n += stride {
			set.Add(n)
		}
	}
	c.sets[u] = set
	return nil
}

// parse reads one item of a list.
func (info unitInfo) parse(item string) (lo, hi, stride uint32, err error) {
	bad := func() (uint32, uint32, uint32, error) {
		return 0, 0, 0, fmt.Errorf("%s: %q is no range of %d-%d", info.name, item, info.lo, info.hi)
	}
	values, step, strided := strings.Cut(item, "/")
	stride = 1
	if strided {
		n, err := strconv.ParseUint(step, 10, 16)
		if err != nil || n == 0 {
			return bad()
		}
		stride = uint32(n)
	}
	if values == "*" {
		return info.lo, info.hi, stride, nil
	}
	first, last, ranged := strings.Cut(values, "-")
	lo, ok := info.value(first)
	hi = lo
	if ok && ranged {
		hi, ok = info.value(last)
	}
	if !ok || lo > hi {
		return bad()
	}
	return lo, hi, stride, nil
}

// value reads a number or a name.
func (info unitInfo) value(s string) (uint32, bool) {
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return uint32(n), uint32(n) >= info.lo && uint32(n) <= info.hi
	}
	const shortest = 3 // letters of a name, enough to tell them apart
	if len(s) < shortest {
		return 0, false
	}
	for i, w := range info.words {
		if strings.HasPrefix(w, strings.ToLower(s)) {
			return uint32(i), true
		}
	}
	return 0, false
}

// horizon is how far ahead a point in time is looked for: the years after which
// the calendar repeats itself.
const horizon = 400

// Next is the first whole second after t that is in the calendar, by the clock
// of t's location; false when there is none. Where the clock is put back, an
// hour that comes twice counts once, unless every hour is in the calendar.
func (c *Calendar) Next(t time.Time) (time.Time, bool) {
	end := t.AddDate(horizon, 0, 0)
	at := t.Truncate(time.Second).Add(time.Second)
	for at.Before(end) {
		y, mo, d := at.Date()
		h, mi, s := at.Clock()
		intoHour := time.Duration(mi)*time.Minute + time.Duration(s)*time.Second
		switch {
		case y < 1900 || !c.has(Year, y-1900):
			at = time.Date(y+1, time.January, 1, 0, 0, 0, 0, at.Location())
		case !c.has(Month, int(mo)-1):
			at = time.Date(y, mo+1, 1, 0, 0, 0, 0, at.Location())
		case !c.has(Mday, d) || !c.has(Weekday, int(at.Weekday())):
			at = time.Date(y, mo, d+1, 0, 0, 0, 0, at.Location())
		case !c.has(Hour, h) || c.repeated(at):
			at = at.Add(time.Hour - intoHour)
		case !c.has(Minute, mi):
			at = at.Add(time.Minute - time.Duration(s)*time.Second)
		case !c.has(Second, s):
			at = at.Add(time.Second)
		default:
			return at, true
		}
	}
	return time.Time{}, false
}

func (c *Calendar) has(u Unit, n int) bool { return c.sets[u].Contains(uint32(n)) }

// repeated reports whether the clock shows t's hour for the second time and the
// calendar distinguishes hours.
func (c *Calendar) repeated(t time.Time) bool {
	return t.Add(-time.Hour).Hour() == t.Hour() && c.sets[Hour].Len() < 24
}
