// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import "fmt"

// outputSums counts what goes into the output stream, against the limit.
type outputSums struct {
	s     *Shell
	limit int64
	bytes map[string]int64
}

func (u *outputSums) init(s *Shell, limit int64) {
	u.s, u.limit, u.bytes = s, limit, map[string]int64{}
}

// allows counts n more bytes of a stream and reports whether they fit.
func (u *outputSums) allows(stream string, n int) bool {
	before := u.bytes[stream]
	u.bytes[stream] += int64(n)
	if u.bytes[stream] <= u.limit {
		return true
	}
	if before <= u.limit {
		u.s.log.warnf("output.kvs", "%s will be truncated, %s limit exceeded", stream, sizeText(u.limit))
	}
	return false
}

// warn tells at the end what has been left out, or that it was a lot.
func (u *outputSums) warn(s *Shell) {
	for _, stream := range []string{"stderr", "stdout"} {
		switch n := u.bytes[stream]; {
		case n > u.limit:
			s.log.warnf("output.kvs", "%s: %d of %d bytes truncated", stream, n-u.limit, n)
		case n > outputMuch:
			s.log.warnf("output.kvs", "high %s volume (%s), consider redirecting to a file next time (e.g. use --output=FILE)", stream, sizeText(n))
		}
	}
}

// sizeText is a number of bytes with a binary scale: 10M, 1G, 1.5K.
func sizeText(n int64) string {
	f := float64(n)
	for _, unit := range []string{"", "K", "M"} {
		if f < 1024 {
			return fmt.Sprintf("%.8g%s", f, unit)
		}
		f /= 1024
	}
	return fmt.Sprintf("%.8gG", f)
}
