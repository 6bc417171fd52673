// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"fmt"
	"syscall"
)

// InfeasibleError says that the whole inventory could not satisfy a request.
// It wraps EOVERFLOW, as the feasibility service answers.
type InfeasibleError struct{ Msg string }

func (e *InfeasibleError) Error() string { return e.Msg }

// Unwrap makes errors.As find the errno for the wire.
func (e *InfeasibleError) Unwrap() error { return syscall.EOVERFLOW }

func infeasible(format string, args ...any) error {
	return &InfeasibleError{Msg: "unsatisfiable request: " + fmt.Sprintf(format, args...)}
}

// EventError is an event that does not fit what the machine knows, which is a
// mistake of whoever sent it. Nothing was changed by it.
type EventError struct {
	Event Event
	Msg   string
	Errno syscall.Errno
}

func (e *EventError) Error() string { return fmt.Sprintf("%s: %s", e.Event, e.Msg) }

// Unwrap makes errors.As find the errno for the wire.
func (e *EventError) Unwrap() error { return e.Errno }
