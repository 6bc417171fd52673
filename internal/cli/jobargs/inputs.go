// SPDX-License-Identifier: LGPL-3.0-or-later

package jobargs

import (
	"fmt"
	"slices"
	"strings"
)

// Separators of input lists on flux bulksubmit's command line.
const (
	inputsMark = ":::"
	fileMark   = "::::"
	linkMark   = ":::+"
	fileLink   = "::::+"
)

// MaxCombinations bounds the jobs that one command line may ask for: three
// lists of a thousand each are a mistake.
const MaxCombinations = 1 << 22

// InputLists is what flux bulksubmit's operands tell.
type InputLists struct {
	Command []string
	// lists has the inputs of every mark; those that are linked do not
	// multiply the combinations.
	lists []inputList
}

type inputList struct {
	values []string
	linked bool
}

// ParseInputs splits flux bulksubmit's operands into the command and the lists
// of inputs. readFile reads a file of inputs, "-" for standard input, and
// splits it.
func ParseInputs(operands []string, readFile func(name string) ([]string, error)) (*InputLists, error) {
	isMark := func(s string) bool { return strings.HasPrefix(s, inputsMark) }
	end := slices.IndexFunc(operands, isMark)
	if end < 0 {
		end = len(operands)
	}
	in := &InputLists{Command: operands[:end]}
	for rest := operands[end:]; len(rest) > 0; {
		mark := rest[0]
		n := slices.IndexFunc(rest[1:], isMark)
		if n < 0 {
			n = len(rest) - 1
		}
		l := inputList{values: rest[1 : 1+n], linked: mark == linkMark || mark == fileLink}
		rest = rest[1+n:]
		switch mark {
		case inputsMark, linkMark:
		case fileMark, fileLink:
			if len(l.values) != 1 {
				return nil, fmt.Errorf("Multiple args not allowed after ::::")
			}
			var err error
			if l.values, err = readFile(l.values[0]); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("invalid input separator: %s", mark)
		}
		in.lists = append(in.lists, l)
	}
	if slices.ContainsFunc(in.lists, func(l inputList) bool { return !l.linked }) {
		return in, nil
	}
	values, err := readFile("-")
	if err != nil {
		return nil, err
	}
	in.lists = append([]inputList{{values: values}}, in.lists...)
	return in, nil
}

// Combinations returns the inputs of every job: all combinations of the lists,
// the last varying fastest, with linked lists, repeated as needed, beside them.
func (in *InputLists) Combinations() ([][]string, error) {
	total := 1
	for _, l := range in.lists {
		if l.linked && len(l.values) == 0 {
			return nil, fmt.Errorf("a linked list of inputs is empty")
		}
		if !l.linked {
			total *= len(l.values)
		}
		if total > MaxCombinations {
			return nil, fmt.Errorf("the inputs make more than %d jobs", MaxCombinations)
		}
	}
	all := make([][]string, total)
	for i := range all {
		all[i] = in.combination(i)
	}
	return all, nil
}

func (in *InputLists) combination(i int) []string {
	inputs := make([]string, len(in.lists))
	rest := i
	for k := len(in.lists) - 1; k >= 0; k-- {
		l := in.lists[k]
		if l.linked {
			inputs[k] = l.values[i%len(l.values)]
			continue
		}
		inputs[k] = l.values[rest%len(l.values)]
		rest /= len(l.values)
	}
	return inputs
}

// SplitInputs splits a file of inputs at every sep, leaving out empty ones;
// sep "none" splits at white space.
func SplitInputs(data, sep string) []string {
	if strings.EqualFold(sep, "none") {
		return strings.Fields(data)
	}
	return slices.DeleteFunc(strings.Split(data, sep), func(s string) bool { return s == "" })
}
