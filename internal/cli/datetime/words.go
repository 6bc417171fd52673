// SPDX-License-Identifier: LGPL-3.0-or-later

package datetime

import (
	"strconv"
	"strings"
	"time"
)

// hours are the times of day with names.
var hours = map[string]int{
	"midnight": 0, "morning": 6, "breakfast": 8, "noon": 12, "lunch": 12, "afternoon": 13,
	"evening": 18, "dinner": 19, "night": 21, "tonight": 21,
}

// parser reads the words of a date and time.
type parser struct {
	now     time.Time
	day     time.Time
	clock   time.Duration // since midnight
	offset  time.Duration
	hasDay  bool
	hasTime bool
	months  int // to add, with years
	days    int
	moved   bool // by a span: the time of day is kept
}

func parseWords(words []string, now time.Time) (time.Time, bool) {
	p := &parser{now: now, day: midnight(now)}
	for i := 0; i < len(words); {
		n := p.word(words[i:])
		if n == 0 {
			return now, false
		}
		i += n
	}
	switch {
	case p.moved && !p.hasDay && !p.hasTime:
		return now.AddDate(0, p.months, p.days).Add(p.offset), true
	case p.hasDay || p.hasTime || p.moved:
		t := p.day.AddDate(0, p.months, p.days)
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, now.Location()).Add(p.clock + p.offset), true
	}
	return now, false
}

// word reads what words begin with and returns how many words that was, 0 if
// it makes no sense.
func (p *parser) word(words []string) int {
	w := words[0]
	switch w {
	case "at", "on", "the", "in", "this", "of", "from", "after":
		return 1
	case "now":
		p.moved = true
		return 1
	case "today":
		return p.setDay(p.day)
	case "tomorrow":
		return p.setDay(p.day.AddDate(0, 0, 1))
	case "yesterday":
		return p.setDay(p.day.AddDate(0, 0, -1))
	case "next", "last":
		return p.nextOrLast(w, words[1:])
	}
	if h, ok := hours[w]; ok {
		p.clock, p.hasTime = time.Duration(h)*time.Hour, true
		return 1
	}
	if d, ok := weekday(w); ok {
		return p.setDay(p.day.AddDate(0, 0, (int(d)-int(p.day.Weekday())+7)%7))
	}
	for _, read := range []func([]string) int{p.span, p.date, p.time, p.monthDay} {
		if n := read(words); n > 0 {
			return n
		}
	}
	return 0
}

func (p *parser) setDay(day time.Time) int {
	p.day, p.hasDay = day, true
	return 1
}

// nextOrLast reads the word after one of these.
func (p *parser) nextOrLast(which string, words []string) int {
	if len(words) == 0 {
		return 0
	}
	sign := 1
	if which == "last" {
		sign = -1
	}
	if d, ok := weekday(words[0]); ok {
		delta := (int(d) - int(p.day.Weekday()) + 7) % 7
		switch {
		case sign < 0:
			delta -= 7
		case delta == 0:
			delta = 7
		}
		p.setDay(p.day.AddDate(0, 0, delta))
		return 2
	}
	if !p.add(float64(sign), words[0]) {
		return 0
	}
	return 2
}

// span reads "5 minutes", "an hour ago", "2d".
func (p *parser) span(words []string) int {
	w := words[0]
	n, unit, used := 1.0, "", 2
	switch {
	case w == "a" || w == "an" || w == "one":
	default:
		digits := strings.TrimRight(w, "abcdefghijklmnopqrstuvwxyz")
		f, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			return 0
		}
		n = f
		if unit = w[len(digits):]; unit != "" {
			used = 1
		}
	}
	if unit == "" {
		if len(words) < 2 {
			return 0
		}
		unit = words[1]
	}
	if used < len(words) && (words[used] == "ago" || words[used] == "before") {
		n = -n
		used++
	}
	if !p.add(n, unit) {
		return 0
	}
	return used
}

// add moves the time by n units.
func (p *parser) add(n float64, unit string) bool {
	if len(unit) > 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	switch unit {
	case "s", "sec", "second":
		p.offset += time.Duration(n * float64(time.Second))
	case "m", "min", "minute":
		p.offset += time.Duration(n * float64(time.Minute))
	case "h", "hr", "hour":
		p.offset += time.Duration(n * float64(time.Hour))
	case "d", "day":
		p.days += int(n)
	case "w", "wk", "week":
		p.days += int(7 * n)
	case "month":
		p.months += int(n)
	case "y", "yr", "year":
		p.months += int(12 * n)
	default:
		return false
	}
	p.moved = true
	return true
}

// date reads 2026-06-21, 6/21/2026 or 6/21.
func (p *parser) date(words []string) int {
	for _, layout := range []string{"2006-1-2", "2006/1/2", "1/2/2006", "1/2/06", "1/2"} {
		t, err := time.ParseInLocation(layout, words[0], p.now.Location())
		if err != nil {
			continue
		}
		if t.Year() == 0 {
			t = t.AddDate(p.now.Year(), 0, 0)
		}
		return p.setDay(t)
	}
	return 0
}

// time reads 20:15, 20:15:30, 8am, 8:30pm, or "8 am".
func (p *parser) time(words []string) int {
	text, used := words[0], 1
	if len(words) > 1 && (words[1] == "am" || words[1] == "pm") {
		text, used = text+words[1], 2
	}
	for _, layout := range []string{"15:04:05", "15:04", "3pm", "3:04pm", "3:04:05pm"} {
		if t, err := time.Parse(layout, text); err == nil {
			p.clock, p.hasTime = t.Sub(midnight(t)), true
			return used
		}
	}
	return 0
}

// monthDay reads "jun 21", "june 21st 2026" or "21 june".
func (p *parser) monthDay(words []string) int {
	if len(words) < 2 {
		return 0
	}
	month, ok := monthName(words[0])
	text := words[1]
	if !ok {
		if month, ok = monthName(words[1]); !ok {
			return 0
		}
		text = words[0]
	}
	day, err := strconv.Atoi(strings.TrimRight(text, "stndrh"))
	if err != nil || day < 1 || day > 31 {
		return 0
	}
	year, used := p.now.Year(), 2
	if len(words) > 2 {
		if y, err := strconv.Atoi(words[2]); err == nil && y >= 1970 {
			year, used = y, 3
		}
	}
	p.setDay(time.Date(year, month, day, 0, 0, 0, 0, p.now.Location()))
	return used
}

func monthName(w string) (time.Month, bool) {
	for m := time.January; m <= time.December; m++ {
		if name := strings.ToLower(m.String()); len(w) >= 3 && strings.HasPrefix(name, w) {
			return m, true
		}
	}
	return 0, false
}

func weekday(w string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := strings.ToLower(d.String()); len(w) >= 3 && strings.HasPrefix(name, w) {
			return d, true
		}
	}
	return 0, false
}

func midnight(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}
