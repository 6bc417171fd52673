// SPDX-License-Identifier: LGPL-3.0-or-later

package jobargs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// bulkLines are the command lines that flux bulksubmit would print.
func bulkLines(s Submission, operands []string, files map[string]string) ([]string, error) {
	in, err := ParseInputs(operands, func(name string) ([]string, error) {
		data, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("%s: no such file", name)
		}
		return SplitInputs(data, "\n"), nil
	})
	if err != nil {
		return nil, err
	}
	if s.Command = in.Command; len(s.Command) == 0 {
		s.Command = []string{"{}"}
	}
	all, err := in.Combinations()
	if err != nil {
		return nil, err
	}
	var lines []string
	for i, inputs := range all {
		_, shown, err := s.Fill(&Inputs{Positional: inputs, Named: map[string]string{"seq": fmt.Sprint(i), "cc": "{cc}"}})
		if err != nil {
			return nil, err
		}
		lines = append(lines, shown)
	}
	return lines, nil
}

func TestBulk(t *testing.T) {
	files := map[string]string{"-": "1\n2\n", "in": "this is\n\nanother"}
	for _, c := range []struct {
		sub      Submission
		operands string
		want     []string
	}{
		{Submission{}, "echo|{}", []string{"echo 1", "echo 2"}},
		{Submission{}, ":::|a|b", []string{"a", "b"}},
		{Submission{}, "echo|{}|::::|in", []string{"echo this is", "echo another"}},
		{Submission{}, "{0}.{1}|:::|0|1|:::|5|6", []string{"0.5", "0.6", "1.5", "1.6"}},
		{Submission{}, "{0}:{1}|:::|0|1|2|:::+|a|b", []string{"0:a", "1:b", "2:a"}},
		{Submission{}, "{0}:{1}|:::|0|1|::::+|in", []string{"0:this is", "1:another"}},
		{Submission{}, "echo|{{tmpdir}}|:::|0", []string{"echo {{tmpdir}}"}},
		{Submission{Args: Args{Tasks: "{}", Nodes: "{}"}}, "x|:::|1|2", []string{"-n1 -N1 x", "-n2 -N2 x"}},
		{Submission{Args: Args{Env: []string{"-*", "S={seq}"}}}, ":::|a", []string{"--env=['-*', 'S=0'] a"}},
		{Submission{CC: "1-2"}, "{}|:::|1", []string{"--cc=1-2 1"}},
		{Submission{Args: Args{Output: "f-{}.{{id}}"}}, "x|:::|0", []string{"--output=f-0.{{id}} x"}},
	} {
		got, err := bulkLines(c.sub, strings.Split(c.operands, "|"), files)
		if err != nil {
			t.Errorf("%s: %v", c.operands, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.operands, diff)
		}
	}
}

func TestBulkErrors(t *testing.T) {
	for operands, want := range map[string]string{
		"{1}|:::|0":       "Invalid replacement string in command: '{1}'",
		"{x}|:::|0":       "Invalid replacement string in command: '{x}'",
		"{.nosuch}|:::|0": "Unknown input string method '.nosuch'",
		"{|:::|0":         "field is not closed",
		"x|::::|a|b":      "Multiple args not allowed after ::::",
		"x|::::|nosuch":   "nosuch",
		"x|:::::|a":       "invalid input separator",
		"x|:::|a|:::+":    "linked list of inputs is empty",
	} {
		if _, err := bulkLines(Submission{}, strings.Split(operands, "|"), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", operands, err, want)
		}
	}
	for want, sub := range map[string]Submission{
		"Invalid replacement index in -n{1}'":       {Args: Args{Tasks: "{1}"}},
		"Replacement key 'f' not found in '-n{f}'":  {Args: Args{Tasks: "{f}"}},
		"Replacement key 'f' not found in '-o {f}'": {Args: Args{SetOpt: []string{"{f}"}}},
	} {
		if _, err := bulkLines(sub, []string{"x", ":::", "0"}, nil); err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestMethods(t *testing.T) {
	in := Inputs{Positional: []string{"a b"}, Method: func(name, input string) ([]string, bool, error) {
		return strings.Fields(input), name == "split", nil
	}}
	got, err := in.Fill("<{.split}>")
	if diff := cmp.Diff([]string{"<a", "b>"}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestCopies(t *testing.T) {
	s := Submission{CC: "1-3"}
	if ids, err := s.Copies(); err != nil || len(ids) != 3 || ids[2] != 3 {
		t.Error(ids, err)
	}
	for want, s := range map[string]Submission{
		"specify only one of --cc or --bcc": {CC: "1", BCC: "1"},
		"--cc: ":                            {CC: "x"},
		"more than":                         {BCC: "0-4294967294"},
	} {
		if _, err := s.Copies(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", s, err)
		}
	}
	for text, want := range map[string]bool{"x": false, "{cc}": true, "{}": true} {
		if s := (&Submission{Args: Args{Command: []string{text}}}); s.UsesCC() != want {
			t.Errorf("UsesCC of %q is not %v", text, want)
		}
	}
}

func FuzzFill(f *testing.F) {
	f.Add("{} {0.%} {{x}} {seq")
	f.Fuzz(func(t *testing.T, template string) {
		in := Inputs{Positional: []string{"a"}, Named: map[string]string{"seq": "0"}}
		_, _ = in.Fill(template)
	})
}
