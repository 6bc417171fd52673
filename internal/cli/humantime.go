// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"time"
)

// ANSI sequences of the colours used in listings.
const (
	ansiReset   = "\x1b[0m"
	ansiBold    = "\x1b[1m"
	ansiDim     = "\x1b[2m"
	ansiReverse = "\x1b[7m"
	ansiRed     = "\x1b[31m"
	ansiGreen   = "\x1b[32m"
	ansiYellow  = "\x1b[33m"
	ansiBlue    = "\x1b[34m"
	ansiMagenta = "\x1b[35m"
	ansiCyan    = "\x1b[36m"
)

// humanTime writes the times of a growing log for people: date and minute when
// the minute changes, otherwise the seconds since that line, or with delta
// since the line before.
type humanTime struct {
	delta bool
	last  time.Time
	base  time.Time
}

// format returns the bracketed time and whether it begins a new minute.
func (h *humanTime) format(t time.Time) (text string, minute bool) {
	t = t.Local()
	if t.Truncate(time.Minute).Equal(h.last.Truncate(time.Minute)) {
		text = fmt.Sprintf("[%+11.6f]", t.Sub(h.base).Seconds())
		if h.delta {
			h.base = t
		}
		return text, false
	}
	h.last, h.base = t, t
	return t.Format("[Jan02 15:04]"), true
}

// colorTime is format with the colours of a time.
func (h *humanTime) colorTime(t time.Time, color bool) string {
	text, minute := h.format(t)
	switch {
	case !color:
		return text
	case minute:
		return ansiBold + ansiGreen + text + ansiReset
	}
	return ansiGreen + text + ansiReset
}

// paint wraps text in a colour unless that is "".
func paint(color, text string) string {
	if color == "" {
		return text
	}
	return color + text + ansiReset
}
