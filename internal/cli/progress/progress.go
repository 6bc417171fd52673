// SPDX-License-Identifier: LGPL-3.0-or-later

package progress

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Source says how far things are. It is asked at every drawing.
type Source struct {
	// Before and After return the texts on both sides of the bar.
	Before, After func() string
	// Done returns which part is done, from 0 to 1.
	Done func() float64
}

// Bar is a progress bar. It is used from one goroutine.
type Bar struct {
	w     io.Writer
	size  func() (rows, cols int)
	src   Source
	rows  int
	cols  int
	drawn int
	last  time.Time
}

// Redraw is how often a bar should be drawn without news, for its clock.
const Redraw = 250 * time.Millisecond

// minInterval keeps a bar from costing more than what it shows, once many
// changes have been drawn one by one.
const (
	minInterval = 20 * time.Millisecond
	eachDrawn   = 256
)

// Start draws a bar on w, a terminal of a size that is asked for again and
// again.
func Start(w io.Writer, size func() (rows, cols int), src Source) *Bar {
	b := &Bar{w: w, size: size, src: src}
	b.Draw()
	return b
}

// Update draws the bar when that is due.
func (b *Bar) Update() {
	if b.drawn < eachDrawn || time.Since(b.last) >= minInterval {
		b.Draw()
	}
}

// Draw draws the bar.
func (b *Bar) Draw() {
	b.drawn++
	b.last = time.Now()
	if rows, cols := b.size(); rows != b.rows || cols != b.cols {
		b.rows, b.cols = rows, cols
		// Whole screen scrolls, make room, then all but the last line scroll.
		fmt.Fprintf(b.w, "\0337\033[r\0338\033D\033M\0337\033[1;%dr\0338", max(rows-1, 1))
	}
	// To the last line and back; lines are not wrapped meanwhile.
	fmt.Fprintf(b.w, "\0337\033[%d;1H\033[2K\033[?7l\033[0m%s\033[?7h\0338", b.rows, b.line())
}

// Stop gives the last line back and leaves the final bar in the output.
func (b *Bar) Stop() {
	fmt.Fprintf(b.w, "\0337\033[%d;1H\033[K\033[r\0338%s\n", b.rows, b.line())
}

// eighths are the partly filled blocks.
var eighths = [...]string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

func (b *Bar) line() string {
	before, after := b.src.Before(), b.src.After()
	width := b.cols - utf8.RuneCountInString(before) - utf8.RuneCountInString(after) - 2
	return before + bar(b.src.Done(), max(width, 0)) + after
}

// bar is a bar of width columns between two lines.
func bar(done float64, width int) string {
	n := int(min(max(done, 0), 1) * float64(width) * 8)
	s := strings.Repeat("█", n/8) + eighths[n%8]
	return "│" + s + strings.Repeat(" ", width-utf8.RuneCountInString(s)) + "│"
}

// escape begins control sequences that would move the bar.
const escape = '\033'

// Clean removes from data that is printed above a bar the control sequences
// that move the cursor or change the screen. Colours stay.
func Clean(data []byte) []byte {
	out := data[:0:0]
	for i := 0; i < len(data); {
		if data[i] == escape {
			if n, keep := sequence(data[i:]); !keep {
				i += n
				continue
			}
		}
		out = append(out, data[i])
		i++
	}
	return out
}

// sequence returns the length of the control sequence data begins with, and
// whether it may stay.
func sequence(data []byte) (n int, keep bool) {
	if len(data) < 2 {
		return 1, true
	}
	switch data[1] {
	case '7', '8', 'D', 'M', 'c':
		return 2, false
	case '[':
	default:
		return 2, true
	}
	for n = 2; n < len(data) && (data[n] >= '0' && data[n] <= '?'); n++ {
	}
	if n == len(data) {
		return n, true
	}
	return n + 1, !strings.ContainsRune("rHJfABCDthl", rune(data[n]))
}

// Clock is a duration as a bar shows it, "0:01:30".
func Clock(d time.Duration) string {
	s := int(d.Round(time.Second).Seconds())
	if days := s / 86400; days > 0 {
		return fmt.Sprintf("%d days, %d:%02d:%02d", days, s/3600%24, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
