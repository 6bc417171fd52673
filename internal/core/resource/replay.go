// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"fmt"
	"syscall"

	"goflux/eventlog"
	"goflux/hostlist"
	"goflux/idset"
)

// Checkpoint is the drain state at some time, as flux-core keeps it under the
// KVS key checkpoint.resource. What the log says from Timestamp on comes on top.
type Checkpoint struct {
	Timestamp float64                 `json:"timestamp"`
	Drained   map[string]DrainedRanks `json:"drain_state"`
}

// DrainedRanks is an entry of a checkpoint; the idset is its key.
type DrainedRanks struct {
	Timestamp float64 `json:"timestamp"`
	Reason    string  `json:"reason"` // "" for none
	Nodelist  string  `json:"nodelist"`
}

// Checkpoint tells the drain state.
func (m *Machine) Checkpoint(now float64) *Checkpoint {
	c := &Checkpoint{Timestamp: now, Drained: map[string]DrainedRanks{}}
	for ids, info := range m.DrainInfos() {
		c.Drained[ids] = DrainedRanks{info.Timestamp, info.Reason, *m.nodelist(idset.MustParse(ids))}
	}
	return c
}

// Replay rebuilds the drain state of a machine just made from a checkpoint (nil
// for none) and a log. Errors wrap EPROTO and name the place.
func (m *Machine) Replay(c *Checkpoint, log []eventlog.Entry) error {
	since := 0.0
	if c != nil {
		since = c.Timestamp
		for ids, d := range c.Drained {
			set, err := m.placed(&ids, &d.Nodelist)
			if err != nil {
				return errorf(syscall.EPROTO, "checkpoint: %v", err)
			}
			m.drain(d.Timestamp, set, reasonOf(d.Reason), overwriteNothing)
		}
	}
	for i, e := range log {
		if e.Timestamp < since {
			continue
		}
		if err := m.replay(e); err != nil {
			return errorf(syscall.EPROTO, "line %d: %s: %v", i+1, e.Name, err)
		}
	}
	return nil
}

func reasonOf(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// replay applies one entry. Only those that drain or undrain say something
// about now; of R and of who is online the machine learns anew.
func (m *Machine) replay(e eventlog.Entry) error {
	switch e.Name {
	case EventDrain:
		var d drainContext
		if err := e.UnmarshalContext(&d); err != nil {
			return err
		}
		ids, err := m.placed(d.Idset, d.Nodelist)
		if err != nil {
			return err
		}
		overwrite := overwriteReason
		if d.Overwrite != nil {
			overwrite = *d.Overwrite
		}
		m.drain(e.Timestamp, ids, d.Reason, overwrite)
	case EventUndrain:
		var d undrainContext
		if err := e.UnmarshalContext(&d); err != nil {
			return err
		}
		ids, err := m.placed(d.Idset, d.Nodelist)
		if err != nil {
			return err
		}
		m.undrain(ids)
	}
	return nil
}

// placed reads the targets of a recorded event and finds where they are now.
func (m *Machine) placed(ids, nodelist *string) (*idset.Set, error) {
	if ids == nil {
		return nil, fmt.Errorf("idset is missing")
	}
	set, err := idset.Parse(*ids)
	if err != nil {
		return nil, err
	}
	hosts := &hostlist.List{}
	if nodelist != nil {
		if hosts, err = hostlist.Parse(*nodelist); err != nil {
			return nil, err
		}
	}
	return m.remap(set, hosts), nil
}

// Truncated is the part of a log that is worth keeping once c has been made:
// what is newer than it, and what happened in the last history seconds before
// now (+Inf keeps all).
func Truncated(log []eventlog.Entry, c *Checkpoint, now, history float64) []eventlog.Entry {
	if c == nil {
		return log
	}
	cut := min(c.Timestamp, now-history)
	i := 0
	for i < len(log) && log[i].Timestamp < cut {
		i++
	}
	return log[i:]
}
