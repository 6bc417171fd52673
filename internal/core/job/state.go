// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import "strings"

// State is a state of RFC 21, a single bit so that a set of states is a mask.
type State int

// States (RFC 21), with the values that job listings use.
const (
	New      State = 1
	Depend   State = 2
	Priority State = 4
	Sched    State = 8
	Run      State = 16
	Cleanup  State = 32
	Inactive State = 64

	Pending = Depend | Priority | Sched
	Running = Run | Cleanup
	Active  = Pending | Running
)

var stateNames = map[State][2]string{
	New: {"NEW", "N"}, Depend: {"DEPEND", "D"}, Priority: {"PRIORITY", "P"}, Sched: {"SCHED", "S"},
	Run: {"RUN", "R"}, Cleanup: {"CLEANUP", "C"}, Inactive: {"INACTIVE", "I"},
}

func (s State) String() string { return stateNames[s][0] }

// Short is the one-letter name.
func (s State) Short() string { return stateNames[s][1] }

// ParseState reads the name of a state, short or long, or of a virtual state
// (pending, running, active), in any case.
func ParseState(name string) (State, bool) {
	name = strings.ToUpper(name)
	switch name {
	case "PENDING":
		return Pending, true
	case "RUNNING":
		return Running, true
	case "ACTIVE":
		return Active, true
	}
	for s, n := range stateNames {
		if name == n[0] || name == n[1] {
			return s, true
		}
	}
	return 0, false
}

// Result is how a job ended, a single bit (RFC 43).
type Result int

// Results.
const (
	Completed Result = 1
	Failed    Result = 2
	Canceled  Result = 4
	Timeout   Result = 8
)

var resultNames = map[Result][2]string{
	Completed: {"COMPLETED", "CD"}, Failed: {"FAILED", "F"}, Canceled: {"CANCELED", "CA"}, Timeout: {"TIMEOUT", "TO"},
}

func (r Result) String() string { return resultNames[r][0] }

// ParseResult reads the name of a result, short or long, in any case.
func ParseResult(name string) (Result, bool) {
	name = strings.ToUpper(name)
	for r, n := range resultNames {
		if name == n[0] || name == n[1] {
			return r, true
		}
	}
	return 0, false
}

// Urgencies (RFC 30).
const (
	UrgencyMin      = 0
	UrgencyHold     = 0
	UrgencyDefault  = 16
	UrgencyExpedite = 31
	UrgencyMax      = 31
)

// PriorityMax is the priority of expedited jobs; PriorityNone is that of a job
// that has none yet.
const (
	PriorityMax  int64 = 4294967295
	PriorityNone int64 = -1
)

// Flag is a submit flag.
type Flag int

// Submit flags, as they stand in requests and submit events.
const (
	FlagSigned     Flag = 1
	FlagDebug      Flag = 2
	FlagWaitable   Flag = 4
	FlagNoValidate Flag = 8
)

// Flags that are set later and have a name alone.
const (
	flagBypass    = "alloc-bypass"
	flagImmutable = "immutable"
)

// FlagByName maps names of the set-flags event to submit flags.
var FlagByName = map[string]Flag{
	"debug": FlagDebug, "waitable": FlagWaitable, "novalidate": FlagNoValidate, "signed": FlagSigned,
}
