// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"time"
	"unsafe"
)

// reading is how package time lays out a Time.
type reading struct {
	wall uint64
	ext  int64
	loc  *time.Location
}

// The bits of a wall clock reading that goes with a monotonic one: a flag, the
// seconds since 1885, the nanoseconds.
const (
	hasMonotonic = 1 << 63
	secondsShift = 30
)

var year1885 = time.Date(1885, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

// instant is a time as time.Now makes it, with a wall clock reading and a
// monotonic one, which may be at odds: clocks are set, and services take the
// difference of two times. There is no other way to make one of given readings;
// the package's tests hold the layout to what is used of it.
func instant(wall time.Time, monotonic time.Duration) time.Time {
	r := reading{
		wall: hasMonotonic | uint64(wall.Unix()-year1885)<<secondsShift | uint64(wall.Nanosecond()),
		ext:  int64(monotonic) + 1, // 0 is no reading
	}
	return *(*time.Time)(unsafe.Pointer(&r))
}
