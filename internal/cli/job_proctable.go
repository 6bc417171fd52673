// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
)

// maxTasks bounds a table of tasks, whose runs can claim any number.
const maxTasks = 1 << 24

// expandNumbers reads a packed list of numbers. An entry is a number; or
// [first, n] for n more that ascend from it, [first, -n] for n more like it; or
// [first, n, times] for as many runs more of the same kind. Each number and
// first is relative to the number before it.
func expandNumbers(list []jsontext.Value) (all []int64, err error) {
	var last int64
	for _, v := range list {
		run := []int64{0, 0, 0}
		if v.Kind() == '[' {
			var given []int64
			if err := message.Unmarshal(v, &given); err != nil || len(given) < 2 || len(given) > 3 {
				return nil, fail("malformed table of tasks: %s", v)
			}
			copy(run, given)
		} else if err := message.Unmarshal(v, &run[0]); err != nil {
			return nil, fail("malformed table of tasks: %s", v)
		}
		n, step := run[1]+1, int64(1)
		if run[1] < 0 {
			n, step = 1-run[1], 0
		}
		if n < 1 || n > maxTasks || run[2] < 0 || run[2] >= maxTasks || int64(len(all))+n*(run[2]+1) > maxTasks {
			return nil, fail("malformed table of tasks: %s is too long", v)
		}
		for range run[2] + 1 {
			first := last + run[0]
			for k := range n {
				last = first + k*step
				all = append(all, last)
			}
		}
	}
	return all, nil
}

// expandHosts reads a packed list of names: an entry is a name, or [prefix,
// packed numbers] where -1 is no number.
func expandHosts(list []jsontext.Value) (all []string, err error) {
	for _, v := range list {
		var name string
		if message.Unmarshal(v, &name) == nil {
			all = append(all, name)
			continue
		}
		var pair [2]jsontext.Value
		var packed []jsontext.Value
		if message.Unmarshal(v, &pair) != nil || message.Unmarshal(pair[0], &name) != nil ||
			message.Unmarshal(pair[1], &packed) != nil {
			return nil, fail("malformed table of tasks: %s", v)
		}
		numbers, err := expandNumbers(packed)
		if err != nil {
			return nil, err
		}
		for _, n := range numbers {
			host := name
			if n >= 0 {
				host += strconv.FormatInt(n, 10)
			}
			all = append(all, host)
		}
	}
	return all, nil
}
