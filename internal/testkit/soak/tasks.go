// SPDX-License-Identifier: LGPL-3.0-or-later

package soak

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"goflux/jobid"
)

// plannedJob is a job that was, or may have been, submitted.
type plannedJob struct {
	Name   string
	Nodes  int
	Tasks  int // a node
	Lines  int // that each task prints
	Pause  time.Duration
	Exit   int
	Cancel bool // it will be canceled on the way

	id jobid.ID // 0 when the submission was not acknowledged
}

func (j *plannedJob) duration() time.Duration { return time.Duration(j.Lines) * j.Pause }

// longest is how long the longest jobs run: through several faults.
func (s *soak) longest() time.Duration {
	return s.opt.Every * time.Duration(min(10, max(s.opt.Kills/2, 2)))
}

// planJob draws a job: most are short and small.
func (s *soak) planJob(rnd *rand.Rand, name string) *plannedJob {
	j := &plannedJob{Name: name, Nodes: 1, Tasks: 1 + rnd.IntN(2), Lines: 1 + rnd.IntN(8), Cancel: rnd.IntN(7) == 0}
	if rnd.IntN(4) == 0 {
		j.Exit = 1 + rnd.IntN(100)
	}
	switch rnd.IntN(8) {
	case 0:
		j.Nodes = 2
	case 1:
		j.Nodes = s.opt.Brokers
	}
	d := s.longest()
	switch rnd.IntN(10) {
	case 0: // d
	case 1, 2, 3:
		d /= 10
	default:
		d /= 100
	}
	if j.Cancel {
		d = max(d, s.longest()/10)
	}
	j.Pause = d / time.Duration(j.Lines)
	return j
}

// script is what a task does: it notes that it began, prints lines, and notes
// that it ends. Each note is one write at the end of the file.
const script = `printf 'start %s %s %s\n' "$1" "$FLUX_TASK_RANK" $$ >>"$2"
i=0
while [ $i -lt $3 ]; do echo "$1 $i"; sleep $4; i=$((i+1)); done
printf 'end %s %s %s\n' "$1" "$FLUX_TASK_RANK" $$ >>"$2"
exit $5`

// output is what each task prints.
func (j *plannedJob) output() string {
	var b strings.Builder
	for i := range j.Lines {
		fmt.Fprintf(&b, "%s %d\n", j.Name, i)
	}
	return b.String()
}

// jobspec is the request (RFC 14). Tasks are not bound to the cores that nodes
// pretend to have, and those of different nodes end when their broker lets
// them, so that a first one that has ended must not hurry the others.
func (j *plannedJob) jobspec(side string) []byte {
	type m = map[string]any
	pauseText := strconv.FormatFloat(j.Pause.Seconds(), 'f', 3, 64)
	b, err := json.Marshal(m{
		"version": 1,
		"resources": []any{m{"type": "node", "count": j.Nodes, "with": []any{
			m{"type": "slot", "count": j.Tasks, "label": "task", "with": []any{m{"type": "core", "count": 1}}},
		}}},
		"tasks": []any{m{
			"command": []string{"/bin/sh", "-c", script, "sh", j.Name, side, strconv.Itoa(j.Lines), pauseText, strconv.Itoa(j.Exit)},
			"slot":    "task", "count": m{"per_slot": 1},
		}},
		"attributes": m{"system": m{
			"duration": 0, "cwd": "/", "environment": m{"PATH": "/usr/local/bin:/usr/bin:/bin"},
			"job":   m{"name": j.Name},
			"shell": m{"options": m{"cpu-affinity": "off", "exit-timeout": "none"}},
		}},
	})
	if err != nil {
		panic(err) // of maps and strings
	}
	return b
}

// taskNotes are what one task noted: how often it began and ended.
type taskNotes struct{ starts, ends int }

// readNotes reads the file that tasks wrote, by job name and task rank.
func readNotes(path string) (map[string]map[int]*taskNotes, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	notes := map[string]map[int]*taskNotes{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 4 {
			return nil, fmt.Errorf("%s: a note is broken: %q", path, line)
		}
		rank, err := strconv.Atoi(f[2])
		if err != nil {
			return nil, fmt.Errorf("%s: %q: %w", path, line, err)
		}
		if notes[f[1]] == nil {
			notes[f[1]] = map[int]*taskNotes{}
		}
		t := notes[f[1]][rank]
		if t == nil {
			t = &taskNotes{}
			notes[f[1]][rank] = t
		}
		switch f[0] {
		case "start":
			t.starts++
		case "end":
			t.ends++
		}
	}
	return notes, nil
}
