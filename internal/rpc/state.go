// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

// StatePost is state-machine.post; Error makes the broker exit with one.
type StatePost struct {
	Event string `json:"event"`
	Error bool   `json:"error,omitzero"`
}

// StateMonitor is state-machine.monitor: the stream ends when Final, a number
// of package lifecycle, is reached; nil for the last state.
type StateMonitor struct {
	Final *int `json:"final,omitzero"`
}

// StateNumber answers state-machine.monitor.
type StateNumber struct {
	State int `json:"state"`
}

// StateAnswer answers state-machine.get: seconds since the state was entered.
type StateAnswer struct {
	State    string  `json:"state"`
	Duration float64 `json:"duration"`
}

// SDNotify is state-machine.sd-notify.
type SDNotify struct {
	Status string `json:"status,omitzero"`
}

// ShutdownStart is shutdown.start: with a stream, log messages of that severity
// and above are shown until the instance ends.
type ShutdownStart struct {
	LogLevel *int `json:"loglevel,omitzero"`
}

// ShutdownLog is an answer to shutdown.start.
type ShutdownLog struct {
	Log string `json:"log"`
}

// RunatPush is runat.push: shell command lines to run in a phase (cleanup).
type RunatPush struct {
	Name     string   `json:"name"`
	Commands []string `json:"commands"`
}

// GroupName is groups.join, groups.leave and groups.get.
type GroupName struct {
	Name string `json:"name"`
}

// GroupMembers answers groups.get: an RFC 22 idset of ranks.
type GroupMembers struct {
	Members string `json:"members"`
}

// GroupUpdates is groups.update, from a child: what happened to each group, in
// order.
type GroupUpdates struct {
	Update map[string][]GroupUpdate `json:"update"`
}

// GroupUpdate adds ranks to a group (Set) or removes them.
type GroupUpdate struct {
	Ranks string `json:"ranks"`
	Set   bool   `json:"set"`
}
