// SPDX-License-Identifier: LGPL-3.0-or-later

package outfmt

import (
	"fmt"
	"strings"
	"time"
)

// strftime formats a time as strftime(3) does in the C locale; a letter that it
// does not know stays as it is.
func strftime(t time.Time, format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		noPad := format[i] == '-' && i+1 < len(format)
		if noPad {
			i++
		}
		s := timePart(t, format[i])
		if noPad && len(s) > 1 {
			if trimmed := strings.TrimLeft(s, "0 "); trimmed != "" {
				s = trimmed
			} else {
				s = "0"
			}
		}
		b.WriteString(s)
	}
	return b.String()
}

// timeLayout is Go's layout for a letter, "" if there is none.
func timeLayout(letter byte) string {
	const letters = "aAbBhcdDeFHIjmMpPrRSTxXyYzZ"
	layouts := [len(letters)]string{
		"Mon", "Monday", "Jan", "January", "Jan", "Mon Jan _2 15:04:05 2006", "02", "01/02/06", "_2",
		"2006-01-02", "15", "03", "002", "01", "04", "PM", "pm", "03:04:05 PM", "15:04", "05",
		"15:04:05", "01/02/06", "15:04:05", "06", "2006", "-0700", "MST",
	}
	if i := strings.IndexByte(letters, letter); i >= 0 {
		return layouts[i]
	}
	return ""
}

// timePart is the part of a time that a letter stands for.
func timePart(t time.Time, letter byte) string {
	if layout := timeLayout(letter); layout != "" {
		return t.Format(layout)
	}
	isoYear, isoWeek := t.ISOWeek()
	weekday := int(t.Weekday())
	switch letter {
	case 'C':
		return fmt.Sprintf("%02d", t.Year()/100)
	case 'f':
		return fmt.Sprintf("%06d", t.Nanosecond()/1000)
	case 'g':
		return fmt.Sprintf("%02d", isoYear%100)
	case 'G':
		return fmt.Sprint(isoYear)
	case 'k':
		return fmt.Sprintf("%2d", t.Hour())
	case 'l':
		return fmt.Sprintf("%2d", (t.Hour()+11)%12+1)
	case 'n':
		return "\n"
	case 's':
		return fmt.Sprint(t.Unix())
	case 't':
		return "\t"
	case 'u':
		return fmt.Sprint((weekday+6)%7 + 1)
	case 'U':
		return fmt.Sprintf("%02d", (t.YearDay()+6-weekday)/7)
	case 'V':
		return fmt.Sprintf("%02d", isoWeek)
	case 'w':
		return fmt.Sprint(weekday)
	case 'W':
		return fmt.Sprintf("%02d", (t.YearDay()+6-(weekday+6)%7)/7)
	case '%':
		return "%"
	}
	return "%" + string(letter)
}
