// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

// DefaultDepth is how many requests the job manager keeps with the scheduler
// unless told otherwise.
const DefaultDepth = 8

// Unlimited is the depth without a limit.
const Unlimited = 0

// ParseDepth reads a module argument that sets how many requests the scheduler
// is to have at a time: "queue-depth=N" or "queue-depth=unlimited", and in the
// older form "mode=limited=N", "mode=single" and "mode=unlimited". ok is false
// if the argument is about something else.
func ParseDepth(arg string) (depth int, ok bool, err error) {
	key, value, _ := strings.Cut(arg, "=")
	switch key {
	case "queue-depth":
	case "mode":
		limit, limited := strings.CutPrefix(value, "limited=")
		switch {
		case limited:
			value = limit
		case value == "single":
			value = "1"
		case value != "unlimited":
			return 0, true, fmt.Errorf("invalid scheduler mode %q: %w", value, syscall.EINVAL)
		}
	default:
		return 0, false, nil
	}
	if value == "unlimited" {
		return Unlimited, true, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return 0, true, fmt.Errorf("queue-depth must be a positive integer or 'unlimited', got %q: %w", value, syscall.EINVAL)
	}
	return n, true, nil
}
