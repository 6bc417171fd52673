// SPDX-License-Identifier: LGPL-3.0-or-later

package top

import (
	"fmt"
	"math"
	"strings"

	"goflux/fsd"
)

// How the parts of the screen look.
const (
	reset   = "\x1b[0m"
	bold    = "\x1b[1m"
	inverse = "\x1b[7m"
	red     = "\x1b[31m"
	yellow  = "\x1b[33m"
	blue    = "\x1b[34m"
)

// maxBar is the greatest width of a bar.
const maxBar = 80

// Screen is what a snapshot looks like on so many columns and lines. The job
// called current is marked.
type Screen struct {
	Width, Height int
	Color         bool
	Current       string
}

// Render draws a snapshot.
func (s Screen) Render(v *Snapshot) string {
	lines := []string{s.title(v)}
	for _, c := range v.counts() {
		if c.name != "gpus" || c.Total > 0 {
			lines = append(lines, s.bar(c))
		}
	}
	lines = append(lines, s.figures(v), s.instance(v), "", s.heading(v))
	switch room := s.Height - len(lines); {
	case len(v.Jobs) == 0 && v.Queue != "":
		lines = append(lines, "", fmt.Sprintf("%25sNo jobs to display in queue %s", "", v.Queue))
	default:
		for _, j := range v.Jobs[:min(len(v.Jobs), max(room, 0))] {
			lines = append(lines, s.job(v, j))
		}
	}
	return strings.Join(lines, "\n")
}

func (s Screen) paint(text string, codes ...string) string {
	if !s.Color {
		var kept []string
		for _, c := range codes {
			if c == bold || c == inverse {
				kept = append(kept, c)
			}
		}
		codes = kept
	}
	if len(codes) == 0 {
		return text
	}
	return strings.Join(codes, "") + text + reset
}

// title has the path of jobs in the middle and the time left at the right.
func (s Screen) title(v *Snapshot) string {
	left := "∞"
	if v.TimeLeft > 0 {
		left = fsd.FormatShort(v.TimeLeft) + " ⌚"
	}
	room := max(s.Width-len([]rune(left))-4, 1)
	text := []rune(v.Title)
	if len(text) > room {
		text = append([]rune{'…'}, text[len(text)-room+1:]...)
	}
	pad := (s.Width - len(text)) / 2
	line := s.paint("ƒ", yellow) + strings.Repeat(" ", max(pad-1, 1)) + s.paint(string(text), blue, bold)
	return line + strings.Repeat(" ", max(s.Width-max(pad, 2)-len(text)-len([]rune(left)), 1)) + left
}

// bar shows what is used from the left and what is down from the right.
func (s Screen) bar(c namedCount) string {
	prefix := fmt.Sprintf("%5s [", c.name)
	used := min(c.Used, c.Total)
	suffix := fmt.Sprintf("%d/%d]", used, c.Total)
	slots := max(min(s.Width, maxBar)-len(prefix)-len(suffix)-1, 0)
	share := func(n int64) int {
		if c.Total == 0 {
			return 0
		}
		return int(math.Ceil(float64(n) / float64(c.Total) * float64(slots)))
	}
	full := min(share(used), slots)
	down := min(share(c.Down), slots-full)
	return prefix + s.paint(strings.Repeat("|", full), yellow) + strings.Repeat(" ", slots-full-down) +
		s.paint(strings.Repeat("|", down), red) + suffix
}

func (s Screen) figures(v *Snapshot) string {
	if v.HideResults {
		return fmt.Sprintf("%8d pending  %8d running  %8d inactive", v.Pending, v.Running, v.Complete+v.Failed)
	}
	return fmt.Sprintf("%8d pending  %8d running  %8d complete, %d failed", v.Pending, v.Running, v.Complete, v.Failed)
}

func (s Screen) instance(v *Snapshot) string {
	text := fmt.Sprintf("size: %d  ", v.Size)
	if v.Depth > 0 {
		text += fmt.Sprintf("depth: %d  ", v.Depth)
	}
	return text + fmt.Sprintf("uptime: %s  %s", fsd.FormatShort(v.Elapsed), v.Version)
}

// nameWidth is what the other columns leave for a job's name.
func (s Screen) nameWidth(v *Snapshot) int {
	taken := 13 + 1 + 8 + 1 + 2 + 1 + 6 + 1 + 6 + 1 + 7 + 1
	if len(v.Queues) > 0 {
		taken += 9
	}
	return max(s.Width-taken, 4)
}

func (s Screen) heading(v *Snapshot) string {
	return s.paint(s.columns(v, "JOBID", "QUEUE", "USER", "ST", "NTASKS", "NNODES", "RUNTIME", "NAME"), inverse)
}

func (s Screen) job(v *Snapshot, j Job) string {
	line := s.columns(v, j.ID, j.Queue, j.User, j.State, fmt.Sprint(j.NTasks), fmt.Sprint(j.NNodes), runtime(j.Runtime), j.Name)
	var look []string
	if j.ID == s.Current {
		look = append(look, inverse)
	}
	if j.URI != "" {
		look = append(look, blue, bold)
	}
	return s.paint(line, look...)
}

func (s Screen) columns(v *Snapshot, id, queue, user, state, tasks, nodes, run, name string) string {
	line := fmt.Sprintf("%13.13s ", id)
	if len(v.Queues) > 0 {
		line += fmt.Sprintf("%8.8s ", queue)
	}
	w := s.nameWidth(v)
	return line + fmt.Sprintf("%8.8s %2.2s %6s %6s %7.7s %-*.*s", user, state, tasks, nodes, run, w, w, printable(name))
}

// printable keeps what a job is called from moving the cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '.'
		}
		return r
	}, s)
}

func runtime(seconds float64) string { return fsd.FormatShort(max(seconds, 0)) }
