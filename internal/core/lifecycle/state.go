// SPDX-License-Identifier: LGPL-3.0-or-later

package lifecycle

// State is where a broker is in its life. The numbers are on the wire
// (state-machine.monitor).
type State int

// The states, in the order in which they are walked.
const (
	LoadBuiltins   State = iota // load built-in modules
	Join                        // wait for the parent to enter Quorum
	ConfigSync                  // take the leader's configuration
	Init                        // run rc1
	Quorum                      // wait for enough brokers
	Run                         // run the initial program
	Cleanup                     // run cleanup
	Shutdown                    // wait for the children to leave
	Finalize                    // run rc3
	Goodbye                     // tell the parent, and those who wait for the shutdown
	UnloadBuiltins              // unload built-in modules
	Exit
)

var stateNames = [...]string{
	"load-builtins", "join", "config-sync", "init", "quorum", "run",
	"cleanup", "shutdown", "finalize", "goodbye", "unload-builtins", "exit",
}

func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return "unknown"
	}
	return stateNames[s]
}

// next is the state that an event leads to; an event that is not there is
// ignored in that state.
var next = map[State]map[string]State{
	LoadBuiltins: {
		"builtins-success": Join,
		"builtins-fail":    UnloadBuiltins,
	},
	Join: {
		"parent-ready": ConfigSync,
		"parent-none":  ConfigSync,
		"parent-fail":  Shutdown,
	},
	ConfigSync: {
		"sync-success": Init,
		"sync-none":    Init,
		"sync-fail":    Shutdown,
	},
	Init: {
		"rc1-success":    Quorum,
		"rc1-none":       Quorum,
		"rc1-ignorefail": Quorum,
		"rc1-fail":       Shutdown,
		"panic":          Shutdown,
	},
	Quorum: {
		"quorum-full": Run,
		"quorum-fail": Shutdown,
		"panic":       Shutdown,
	},
	Run: {
		"rc2-success": Cleanup,
		"rc2-fail":    Cleanup,
		"shutdown":    Cleanup,
		"parent-fail": Cleanup,
		"panic":       Shutdown,
	},
	Cleanup: {
		"cleanup-success": Shutdown,
		"cleanup-none":    Shutdown,
		"cleanup-fail":    Shutdown,
	},
	Shutdown: {
		"children-complete": Finalize,
		"children-none":     Finalize,
	},
	Finalize: {
		"rc3-success": Goodbye,
		"rc3-none":    Goodbye,
		"rc3-fail":    Goodbye,
	},
	Goodbye: {
		"goodbye": UnloadBuiltins,
	},
	UnloadBuiltins: {
		"builtins-done":        Exit,
		"builtins-unload-fail": Exit,
	},
}
