// SPDX-License-Identifier: LGPL-3.0-or-later

package soak

import (
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// KVS keys and the drain reasons of nodes are registers: what is read is what
// was written last, in some order of the operations that agrees with when each
// of them was under way.

// lingering is how long an operation that was not acknowledged may still take
// effect: a request may lie with two brokers that are stopped, one after the
// other, before the leader takes it.
const lingering = 45 * time.Second

// checkTime bounds the search for an order, which a wrong history makes long.
const checkTime = time.Minute

// access is an operation on a register.
type access struct {
	write bool
	value string
	acked bool
}

var register = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		if in := input.(access); in.write {
			return true, in.value
		}
		return output.(string) == state.(string), state
	},
	DescribeOperation: func(input, output any) string {
		if in := input.(access); in.write {
			return "write " + in.value
		}
		return "read " + output.(string)
	},
}

// registerKinds tells writes from reads.
var registerKinds = map[string]bool{opPut: true, opDrain: true, opUndrain: true, opGet: false, opStatus: false}

// checkRegisters returns a problem for each register that did not behave as one.
func checkRegisters(ops []Op) []Problem {
	byKey := map[string][]porcupine.Operation{}
	for _, o := range ops {
		write, ok := registerKinds[o.Kind]
		if !ok || !write && o.Err != "" {
			continue
		}
		end := o.Return
		if o.Err != "" {
			end = o.Return + lingering
		}
		byKey[o.Key] = append(byKey[o.Key], porcupine.Operation{
			ClientId: o.Client, Input: access{write, o.Value, o.Err == ""}, Call: int64(o.Call), Output: o.Value, Return: int64(end),
		})
	}
	var problems []Problem
	for key, list := range byKey {
		list = necessary(list)
		switch porcupine.CheckOperationsTimeout(register, list, checkTime) {
		case porcupine.Illegal:
			problems = append(problems, Problem{"register", key, "no order of what was done explains what was read"})
		case porcupine.Unknown:
			problems = append(problems, Problem{"register", key, fmt.Sprintf("no order was found in %v that explains what was read (%d operations)", checkTime, len(list))})
		}
	}
	return problems
}

// necessary leaves out the writes that nobody is known to have seen and nobody
// was promised: they may have happened never.
func necessary(ops []porcupine.Operation) []porcupine.Operation {
	read := map[string]bool{}
	for _, o := range ops {
		if !o.Input.(access).write {
			read[o.Output.(string)] = true
		}
	}
	return slices.DeleteFunc(ops, func(o porcupine.Operation) bool {
		in := o.Input.(access)
		return in.write && !in.acked && !read[in.value]
	})
}
