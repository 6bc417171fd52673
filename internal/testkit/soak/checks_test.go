// SPDX-License-Identifier: LGPL-3.0-or-later

package soak

import (
	"slices"
	"strings"
	"testing"
	"time"

	"goflux/jobid"
)

// A history in which all is well; each case spoils something.
type story struct {
	h     *history
	end   map[string][]finalJob
	notes map[string]map[int]*taskNotes
}

const (
	goodLog = `{"timestamp":1,"name":"submit","context":{"userid":0}}
{"timestamp":1,"name":"validate"}
{"timestamp":1,"name":"depend"}
{"timestamp":1,"name":"priority","context":{"priority":16}}
{"timestamp":2,"name":"flux-restart"}
{"timestamp":2,"name":"priority","context":{"priority":16}}
{"timestamp":2,"name":"alloc"}
{"timestamp":3,"name":"start"}
{"timestamp":4,"name":"finish","context":{"status":512}}
{"timestamp":4,"name":"release","context":{"ranks":"all","final":true}}
{"timestamp":4,"name":"free"}
{"timestamp":4,"name":"clean"}
`
	goodOutput = `{"timestamp":3,"name":"header","context":{}}
{"timestamp":3,"name":"data","context":{"stream":"stdout","rank":"0","data":"j 0\n"}}
{"timestamp":3,"name":"data","context":{"stream":"stdout","rank":"0","eof":true}}
`
	goodR = `{"version":1,"execution":{"R_lite":[{"rank":"0","children":{"core":"0"}}],"nodelist":["n0"],"starttime":0,"expiration":0}}`
)

func newStory() *story {
	s := &story{h: newHistory(), notes: map[string]map[int]*taskNotes{"j": {0: {1, 1}}}}
	s.h.plan(&plannedJob{Name: "j", Nodes: 1, Tasks: 1, Lines: 1, Exit: 2})
	s.h.add(Op{Kind: opSubmit, Key: "j", Value: "7"})
	s.h.add(Op{Kind: opLook, Key: "j", Value: goodLog[:strings.Index(goodLog, `{"timestamp":3`)]})
	s.end = map[string][]finalJob{"j": {{id: jobid.ID(7), state: "64", eventlog: goodLog, output: goodOutput, r: goodR}}}
	return s
}

func (s *story) problems() (kinds []string) {
	for _, p := range slices.Concat(checkJobs(s.h, s.end, s.notes), checkCores(s.end), checkRegisters(s.h.ops)) {
		kinds = append(kinds, p.Kind)
	}
	return kinds
}

func TestChecks(t *testing.T) {
	if got := newStory().problems(); got != nil {
		t.Fatalf("nothing is wrong, but: %v", got)
	}
	edit := func(from, to string) func(*story) {
		return func(s *story) { s.end["j"][0].eventlog = strings.Replace(goodLog, from, to, 1) }
	}
	op := func(kind, key, value string, call, ret int) func(*story) {
		return func(s *story) {
			s.h.add(Op{Kind: kind, Key: key, Value: value, Call: time.Duration(call), Return: time.Duration(ret)})
		}
	}
	for name, c := range map[string]struct {
		spoil func(*story)
		want  string
	}{
		"a job is gone":          {func(s *story) { delete(s.end, "j") }, lost},
		"a log was rewritten":    {func(s *story) { s.h.add(Op{Kind: opLook, Key: "j", Value: "{}\n"}) }, lost},
		"a cancellation is gone": {func(s *story) { s.h.add(Op{Kind: opCancel, Key: "j"}) }, lost},
		"there twice":            {func(s *story) { s.end["j"] = append(s.end["j"], s.end["j"][0]) }, twice},
		"ran twice":              {func(s *story) { s.notes["j"][0].starts++ }, twice},
		"a core twice": {func(s *story) {
			s.end["k"] = s.end["j"]
			s.h.plan(&plannedJob{Name: "k", Nodes: 1, Tasks: 1, Lines: 1, Exit: 2})
			s.h.add(Op{Kind: opSubmit, Key: "k", Value: "7"})
		}, twice},
		"a task was killed":  {func(s *story) { s.notes["j"][0].ends = 0 }, disturbed},
		"a node failed":      {edit(`"start"}`, `"start"}`+"\n"+`{"timestamp":3,"name":"exception","context":{"type":"node-failure","severity":0,"note":""}}`), disturbed},
		"canceled by nobody": {edit(`"start"}`, `"start"}`+"\n"+`{"timestamp":3,"name":"exception","context":{"type":"cancel","severity":0,"note":""}}`), disturbed},
		"another status":     {edit("512", "0"), untrue},
		"a line is missing":  {func(s *story) { s.end["j"][0].output = "" }, untrue},
		"another id":         {func(s *story) { s.end["j"][0].id++ }, untrue},
		"two finishes":       {edit(`{"timestamp":4,"name":"release"`, `{"timestamp":4,"name":"finish","context":{"status":512}}`+"\n"+`{"timestamp":4,"name":"release"`), illegal},
		"no free":            {edit(`{"timestamp":4,"name":"free"}`+"\n", ""), illegal},
		"it runs for ever":   {edit(goodLog[strings.Index(goodLog, `{"timestamp":4`):], ""), unended},
		"a write is gone": {func(s *story) {
			op(opPut, "k", "1", 1, 2)(s)
			op(opPut, "k", "2", 3, 4)(s)
			op(opGet, "k", "1", 5, 6)(s)
		}, "register"},
		"a node is not drained": {func(s *story) { op(opDrain, "0", "r", 1, 2)(s); op(opStatus, "0", "", 3, 4)(s) }, "register"},
	} {
		s := newStory()
		c.spoil(s)
		if got := s.problems(); !slices.Contains(got, c.want) {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

// What was not acknowledged may have happened, or not, or later.
func TestUnknownWrites(t *testing.T) {
	for _, read := range []string{"1", "2"} {
		s := newStory()
		s.h.add(Op{Kind: opPut, Key: "k", Value: "1", Call: 1, Return: 2})
		s.h.add(Op{Kind: opPut, Key: "k", Value: "2", Call: 3, Return: 4, Err: "lost"})
		s.h.add(Op{Kind: opGet, Key: "k", Value: "1", Call: 5, Return: 6})
		s.h.add(Op{Kind: opGet, Key: "k", Value: read, Call: 7, Return: 8})
		if got := s.problems(); got != nil {
			t.Errorf("reading %s: %v", read, got)
		}
	}
}
