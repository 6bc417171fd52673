// SPDX-License-Identifier: LGPL-3.0-or-later

package fsd

import (
	"math"
	"strconv"
	"time"
)

// Format writes a duration in seconds as RFC 23 with six significant digits
// in the largest unit that leaves a number of at least one: "1.5m", "30s",
// "7d". Below a tenth of a second the unit is ms. Infinity is "infinity".
//
// A negative duration, which RFC 23 does not know, gets a minus sign.
func Format(seconds float64) string {
	switch {
	case math.IsInf(seconds, 1):
		return "infinity"
	case seconds < 0:
		return "-" + Format(-seconds)
	case seconds < 0.1 && seconds != 0:
		return general(seconds*1e3, 6) + "ms"
	}
	return scaled(seconds, 6)
}

// FormatDuration is Format for a time.Duration.
func FormatDuration(d time.Duration) string { return Format(d.Seconds()) }

// FormatShort writes a duration in seconds for a narrow column, as the command
// line's tables do: four significant digits, below ten seconds always three
// decimals ("0.330s", "15.32s", "1.5m"), below a millisecond "0s", infinity
// "inf".
func FormatShort(seconds float64) string {
	switch {
	case math.IsInf(seconds, 1):
		return "inf"
	case seconds < 1e-3:
		return "0s"
	case seconds < 10:
		return strconv.FormatFloat(seconds, 'f', 3, 64) + "s"
	}
	return scaled(seconds, 4)
}

// scaled picks the unit, from seconds to days.
func scaled(seconds float64, precision int) string {
	switch {
	case seconds < units["m"]:
		return general(seconds, precision) + "s"
	case seconds < units["h"]:
		return general(seconds/units["m"], precision) + "m"
	case seconds < units["d"]:
		return general(seconds/units["h"], precision) + "h"
	}
	return general(seconds/units["d"], precision) + "d"
}

// general is C's %.*g.
func general(n float64, precision int) string {
	return strconv.FormatFloat(n, 'g', precision, 64)
}
