// SPDX-License-Identifier: LGPL-3.0-or-later

package datetime

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"goflux/fsd"
)

// Parse reads a point in time. Days begin at midnight, where no time of day is
// given; times of day without a date are of today.
func Parse(s string, now time.Time) (time.Time, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "now":
		return now, nil
	case strings.HasPrefix(s, "+"), strings.HasPrefix(s, "-"):
		seconds, err := fsd.ParseSeconds(s[1:])
		if err != nil {
			return now, fmt.Errorf("invalid Flux standard duration")
		}
		if s[0] == '-' {
			seconds = -seconds
		}
		return now.Add(time.Duration(seconds * float64(time.Second))), nil
	}
	if t, ok := parseAbsolute(s, now); ok {
		return t, nil
	}
	if t, ok := parseWords(strings.Fields(strings.ToLower(strings.ReplaceAll(s, ",", " "))), now); ok {
		return t, nil
	}
	return now, fmt.Errorf("Invalid datetime: \"%s\"", s)
}

// Timestamp is t in seconds since the epoch.
func Timestamp(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMicro())/1e6, 'f', -1, 64)
}

// layouts with a zone, or in local time.
var layouts = [...]string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05.999999999",
}

func parseAbsolute(s string, now time.Time) (time.Time, bool) {
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, true
		}
	}
	return now, false
}
