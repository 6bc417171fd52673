// SPDX-License-Identifier: LGPL-3.0-or-later

package taskmap

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The test vectors of RFC 34.
var vectors = []struct{ raw, plain string }{
	{"", "[]"},
	{"0", "[[0,1,1,1]]"},
	{"0;1", "[[0,2,1,1]]"},
	{"0-1", "[[0,1,2,1]]"},
	{"0-1;2-3", "[[0,2,2,1]]"},
	{"0,2;1,3", "[[0,2,1,2]]"},
	{"1;0", "[[1,1,1,1],[0,1,1,1]]"},
	{"0-3;4-7;8-11;12-15", "[[0,4,4,1]]"},
	{"0,4,8,12;1,5,9,13;2,6,10,14;3,7,11,15", "[[0,4,1,4]]"},
	{"0-1,8-9;2-3,10-11;4-5,12-13;6-7,14-15", "[[0,4,2,2]]"},
	{"0-1;2-3;4-5;6-7;8-11;12-15", "[[0,4,2,1],[4,2,4,1]]"},
	{"0,6;1,7;2,8;3,9;4,10,12,14;5,11,13,15", "[[0,6,1,2],[4,2,1,2]]"},
	{"14-15;12-13;10-11;8-9;4-7;0-3", "[[5,1,4,1],[4,1,4,1],[3,1,2,1],[2,1,2,1],[1,1,2,1],[0,1,2,1]]"},
	{"0-1;2-3;4-5;6-7;8-9;12-13;10-11;14-15", "[[0,5,2,1],[6,1,2,1],[5,1,2,1],[7,1,2,1]]"},
	{"12-15;8-11;4-7;0-3", "[[3,1,4,1],[2,1,4,1],[1,1,4,1],[0,1,4,1]]"},
}

func parse(t testing.TB, in string) *Map {
	t.Helper()
	m, err := Parse(in)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func encode(t testing.TB, m *Map, form Form) string {
	t.Helper()
	text, err := m.Encode(form)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		fromRaw, fromPlain := parse(t, v.raw), parse(t, v.plain)
		wrapped := parse(t, ` { "map": `+v.plain+`, "version": 1, "other": {} } `)
		for name, m := range map[string]*Map{"raw": fromRaw, "plain": fromPlain, "wrapped": wrapped} {
			if got := encode(t, m, Raw); got != v.raw {
				t.Errorf("%s %s: raw form %s", name, v.plain, got)
			}
			if got := m.String(); got != v.plain {
				t.Errorf("%s %s: plain form %s", name, v.plain, got)
			}
			if got, want := encode(t, m, Wrapped), `{"version":1,"map":`+v.plain+`}`; got != want {
				t.Errorf("%s %s: wrapped form %s", name, v.plain, got)
			}
		}
	}
	if got := encode(t, parse(t, "0-2;3"), RawExpanded); got != "0,1,2;3" {
		t.Errorf("expanded: %s", got)
	}
}

func TestPMI(t *testing.T) {
	for _, v := range []struct{ pmi, plain string }{
		// RFC 13 and RFC 34
		{"", "[]"},
		{"(vector,(0,2,2))", "[[0,2,2,1]]"},
		{"(vector,(0,2,1),(0,2,1))", "[[0,2,1,2]]"},
		{"(vector,(0,2,2),(2,2,4))", "[[0,2,2,1],[2,2,4,1]]"},
		{"(vector,(0,4,1),(0,4,1),(2,2,1),(2,2,1))", "[[0,4,1,2],[2,2,1,2]]"},
		{"(vector,(0,4096,256))", "[[0,4096,256,1]]"},
		{"(vector,(1,1,1),(0,2,2))", "[[1,1,1,1],[0,2,2,1]]"},
	} {
		m := parse(t, v.pmi)
		if got := m.String(); got != v.plain {
			t.Errorf("%s: %s, want %s", v.pmi, got, v.plain)
		}
		if got := encode(t, m, PMI); got != v.pmi {
			t.Errorf("%s: written %s", v.pmi, got)
		}
	}
	if got := parse(t, "    (vector, (0,4,4), ( 0 , 4 ,1), ) ").String(); got != "[[0,4,4,1],[0,4,1,1]]" {
		t.Errorf("with blanks: %s", got)
	}
}

func TestParseErrors(t *testing.T) {
	for _, tc := range []struct {
		in     string
		offset int
		reason string
	}{
		// raw
		{"-1", 0, "node 0"},
		{"1-3;a-b", 4, "node 1"},
		{"0-1;1-2", 4, "duplicate task 1"},
		{"5-15;0-10", 0, "duplicate task 5-10"},
		{"1", 0, "missing task 0"},
		{"3-4;0-1", 0, "missing task 2"},
		{"0-1;10-11", 4, "missing task 2-9"},
		{"0;;1", 2, "no tasks"},
		{"0-4294967295", 0, "maximum"},
		{"vector,(0,1,1)", 0, "node 0"},
		// JSON
		{"[", 1, "EOF"},
		{"[7]", 2, "want ["},
		{"[[0,1,1]]", 7, "four numbers"},
		{"[[0,1,1,1,1]]", 9, "four numbers"},
		{"[[0,1,1,1.5]]", 11, "1.5"},
		{`[[0,1,1,"1"]]`, 11, "want number"},
		{"[[-1,1,1,1]]", 11, "at least 0"},
		{"[[0,0,1,1]]", 10, "at least 1"},
		{"[[0,1,1152921504606846976,1]]", 28, "maximum"},
		{"[[0,4096,4096,1],[0,1,1,1]]", 26, "maximum"},
		{"[[0,1,1,16777217]]", 17, "maximum"},
		{"[[16777216,1,1,1]]", 17, "node ids"},
		{"[[0,1,1,99999999999999999999]]", 28, "9999"},
		{"[[0,1,1,1]] 7", 13, "more than one"},
		{`{"version":2,"map":[]}`, 12, "version 2"},
		{`{"version":1}`, 13, "missing"},
		{`{"map":[]}`, 10, "missing"},
		{`{"version":1,"map":7}`, 20, "want ["},
		// PMI
		{"(vector)", 7, `want ","`},
		{"(vector,)", 8, `want "("`},
		{"(vector,(1,1))", 12, `want ","`},
		{"(vector,(1.11,2.2))", 10, `want ","`},
		{"(vector,(1,1,0))", 8, "at least 1"},
		{"(vector,(1,1,1)", 15, "want ',' or ')'"},
		{"(vector,(1,1,1)) x", 17, "unexpected"},
		{"(vector,(1,1,99999999999))", 13, "out of range"},
		{"((1,1,1),vector,)", 1, `want "vector"`},
	} {
		m, err := Parse(tc.in)
		var pe *ParseError
		if !errors.As(err, &pe) {
			t.Errorf("Parse(%s) = %v, %v; want a ParseError", tc.in, m, err)
			continue
		}
		if pe.Offset != tc.offset || !strings.Contains(pe.Reason, tc.reason) {
			t.Errorf("Parse(%s): %d: %s; want %d: %s", tc.in, pe.Offset, pe.Reason, tc.offset, tc.reason)
		}
	}
}

func TestEncodeErrors(t *testing.T) {
	if text, err := parse(t, "[[1,1,1,1]]").Encode(Raw); err == nil || !strings.Contains(err.Error(), "node 0") {
		t.Errorf("a gap: %q, %v", text, err)
	}
	if _, err := parse(t, "[[0,2,1,65537]]").Encode(PMI); err == nil {
		t.Error("65537 PMI blocks")
	}
	if _, err := New().Encode(99); err == nil {
		t.Error("form 99")
	}
}

func TestAppendJoins(t *testing.T) {
	m := New()
	for round := range 3 {
		for node := range 4 {
			if err := m.Append(node, 1, 2, 1); err != nil {
				t.Fatal(round, err)
			}
		}
	}
	if got := m.String(); got != "[[0,4,2,3]]" {
		t.Errorf("cyclic: %s", got)
	}
	if err := m.Append(0, 1, MaxTasks, 1); err == nil || m.TotalTasks() != 24 {
		t.Errorf("too many tasks: %v, %s", err, m)
	}
}

func TestCheck(t *testing.T) {
	a := parse(t, "[[0,4,4,1]]")
	for in, ok := range map[string]bool{"[[0,4,1,4]]": true, "[[0,2,4,1],[2,1,3,1],[3,1,5,1]]": true, "[[0,4,3,1]]": false, "[[0,2,8,1]]": false} {
		if err := parse(t, in).Check(a); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestJSON(t *testing.T) {
	type doc struct {
		Map *Map `json:"taskmap"`
	}
	var d doc
	in := `{"taskmap":{"version":1,"map":[[0,1,1,1]]}}`
	if err := json.Unmarshal([]byte(in), &d); err != nil || d.Map.TotalTasks() != 1 {
		t.Fatal(d, err)
	}
	if out, err := json.Marshal(d); err != nil || string(out) != in {
		t.Errorf("%s, %v", out, err)
	}
	if json.Unmarshal([]byte(`{"taskmap":[[0,1,1]]}`), &d) == nil {
		t.Error("a malformed map was accepted")
	}
}

func TestUnknown(t *testing.T) {
	var m *Map
	if _, ok := m.NodeID(0); ok || !m.Unknown() || m.TotalNodes() != 0 || m.TotalTasks() != 0 || m.NTasks(0) != 0 ||
		!m.TaskIDs(0).Empty() || m.String() != "[]" || !m.Equal(New()) {
		t.Error("nil map is not unknown")
	}
}

// Every way to ask tells the same, and every form that can be written reads
// back as the same map.
func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, model := New(), []int{} // model: node of each task
		small := rapid.IntRange(1, 4)
		for range rapid.IntRange(0, 6).Draw(t, "blocks") {
			b := Block{small.Draw(t, "node") - 1, small.Draw(t, "nodes"), small.Draw(t, "ppn"), small.Draw(t, "repeat")}
			if err := m.Append(b.Node, b.Nodes, b.PPN, b.Repeat); err != nil {
				t.Fatal(err)
			}
			for range b.Repeat {
				for n := range b.Nodes {
					for range b.PPN {
						model = append(model, b.Node+n)
					}
				}
			}
		}
		nodes := []int{}
		for task, node := range m.All() {
			if got, ok := m.NodeID(task); !ok || got != node {
				t.Fatalf("%s: NodeID(%d) = %d, %v", m, task, got, ok)
			}
			if !m.TaskIDs(node).Contains(uint32(task)) {
				t.Fatalf("%s: TaskIDs(%d) lacks %d", m, node, task)
			}
			nodes = append(nodes, node)
		}
		if !slices.Equal(nodes, model) || m.TotalTasks() != len(model) {
			t.Fatalf("%s: nodes %v, want %v", m, nodes, model)
		}
		total := 0
		for node := range m.TotalNodes() {
			if m.NTasks(node) != m.TaskIDs(node).Len() {
				t.Fatalf("%s: NTasks(%d) = %d", m, node, m.NTasks(node))
			}
			total += m.NTasks(node)
		}
		if _, ok := m.NodeID(total); ok || total != len(model) {
			t.Fatalf("%s: %d tasks", m, total)
		}
		for _, form := range []Form{Plain, Wrapped, Raw, RawExpanded, PMI} {
			text, err := m.Encode(form)
			if err != nil {
				continue // a gap, in raw form
			}
			if back, err := Parse(text); err != nil || !back.Equal(m) {
				t.Fatalf("%s written %s reads back as %s, %v", m, text, back, err)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.raw)
		f.Add(`{"version":1,"map":` + v.plain + `}`)
	}
	f.Add("(vector, (0,4,4), (0,4,1), )")
	f.Fuzz(func(t *testing.T, in string) {
		m, err := Parse(in)
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Offset < 0 || pe.Offset > len(in) {
				t.Fatalf("Parse(%q): bad error %v", in, err)
			}
			return
		}
		if m.TotalTasks() > 10000 || m.TotalNodes() > 10000 {
			return
		}
		for _, form := range []Form{Plain, Wrapped, Raw, PMI} {
			text, err := m.Encode(form)
			if err != nil {
				continue
			}
			if back, err := Parse(text); err != nil || !back.Equal(m) {
				t.Fatalf("%s written %s reads back as %s, %v", m, text, back, err)
			}
		}
	})
}
