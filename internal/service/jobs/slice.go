// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"strconv"
	"strings"
)

// slice applies "[start:stop:step]" or "[index]" to list the way Python does.
func slice[T any](list []T, expr string) ([]T, error) {
	inner, ok := strings.CutPrefix(expr, "[")
	if ok {
		inner, ok = strings.CutSuffix(inner, "]")
	}
	part := strings.Split(inner, ":")
	if !ok || len(part) > 3 {
		return nil, errSlice
	}
	num := make([]*int, 3)
	for i, p := range part {
		if p == "" {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(p))
		if err != nil {
			return nil, errSlice
		}
		num[i] = &n
	}
	if len(part) == 1 {
		return one(list, num[0])
	}
	step := 1
	if num[2] != nil {
		step = *num[2]
	}
	if step == 0 {
		return nil, errSlice
	}
	start, stop := bounds(num[0], num[1], step, len(list))
	out := []T{}
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		out = append(out, list[i])
	}
	return out, nil
}

func one[T any](list []T, index *int) ([]T, error) {
	if index == nil {
		return nil, errSlice
	}
	i := *index
	if i < 0 {
		i += len(list)
	}
	if i < 0 || i >= len(list) {
		return []T{}, nil
	}
	return list[i : i+1], nil
}

// bounds clips start and stop as Python's slice.indices does.
func bounds(from, to *int, step, n int) (start, stop int) {
	lower, upper := 0, n
	start, stop = 0, n
	if step < 0 {
		lower, upper = -1, n-1
		start, stop = n-1, -1
	}
	clip := func(v int) int {
		if v < 0 {
			v += n
		}
		return max(lower, min(v, upper))
	}
	if from != nil {
		start = clip(*from)
	}
	if to != nil {
		stop = clip(*to)
	}
	return start, stop
}
