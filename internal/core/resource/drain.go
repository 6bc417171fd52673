// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"math"
	"syscall"

	"goflux/idset"
)

// Values of "overwrite" (RFC 44, drain): what becomes of targets that are
// drained already.
const (
	overwriteNothing = 0 // but a missing reason is supplied
	overwriteReason  = 1
	overwriteAll     = 2 // reason and time
)

// DrainRequest is what resource.drain and resource.undrain ask for.
type DrainRequest struct {
	Targets string  // idset or hostlist
	Reason  *string // nil for none
	// Mode is "" to refuse targets that are drained (or not, to undrain)
	// already, "update" to pass over them, "overwrite" to change their reason,
	// "force-overwrite" to change their time too.
	Mode string
}

// Drain takes ranks out of service. EEXIST when some are out already and the
// mode does not allow that; EINVAL when targets or mode are wrong, or a target
// is excluded.
func (m *Machine) Drain(now float64, req DrainRequest) ([]Event, *idset.Set, error) {
	ids, err := m.checked(req.Targets)
	if err != nil {
		return nil, nil, err
	}
	overwrite := overwriteNothing
	switch req.Mode {
	case "":
		if err := m.checkDrain(ids); err != nil {
			return nil, nil, err
		}
	case "update":
	case "overwrite":
		overwrite = overwriteReason
	case "force-overwrite":
		overwrite = overwriteAll
	default:
		return nil, nil, errorf(syscall.EINVAL, "Invalid mode specified")
	}
	m.drain(now, ids, req.Reason, overwrite)
	s := ids.String()
	return []Event{event(now, EventDrain, true, drainContext{
		Idset: &s, Nodelist: m.nodelist(ids), Reason: req.Reason, Overwrite: &overwrite,
	})}, ids, nil
}

// checkDrain refuses targets that are excluded, or drained with a reason.
func (m *Machine) checkDrain(ids *idset.Set) error {
	excluded := ids.Intersect(m.exclude)
	already := idset.New()
	for id := range ids.Intersect(m.drainedSet).All() {
		if m.drained[id].reason != nil {
			already.Add(id)
		}
	}
	bad := excluded.Union(already)
	what := plural(bad.Len(), bad)
	switch {
	case bad.Empty():
		return nil
	case excluded.Empty():
		return errorf(syscall.EEXIST, "%s already drained", what)
	case already.Empty():
		return errorf(syscall.EINVAL, "%s excluded", what)
	}
	return errorf(syscall.EEXIST, "%s already drained or excluded", what)
}

// drain is the change itself, live and in replay.
func (m *Machine) drain(t float64, ids *idset.Set, reason *string, overwrite int) {
	for id := range ids.All() {
		was, drained := m.drained[id]
		if drained && was.reason != nil && overwrite == overwriteNothing {
			continue
		}
		d := drainInfo{since: t, reason: reason}
		if drained && overwrite != overwriteAll {
			d.since = was.since
		}
		m.drained[id] = d
		m.drainedSet.Add(id)
	}
}

// Undrain returns ranks to service. EEXIST when some are not drained and the
// mode does not allow that; EINVAL when targets or mode are wrong.
func (m *Machine) Undrain(now float64, req DrainRequest) ([]Event, *idset.Set, error) {
	ids, err := m.checked(req.Targets)
	if err != nil {
		return nil, nil, err
	}
	overwrite := overwriteNothing
	switch req.Mode {
	case "":
		if not := ids.Subtract(m.drainedSet); !not.Empty() {
			return nil, nil, errorf(syscall.EEXIST, "%s not drained", plural(not.Len(), not))
		}
	case "update":
	case "overwrite":
		overwrite = overwriteReason
	case "force-overwrite":
		overwrite = overwriteAll
	default:
		return nil, nil, errorf(syscall.EINVAL, "invalid undrain mode '%s' specified", req.Mode)
	}
	return []Event{m.undrained(now, ids, overwrite, req.Reason)}, ids, nil
}

func (m *Machine) undrained(now float64, ids *idset.Set, overwrite int, reason *string) Event {
	m.undrain(ids)
	s := ids.String()
	return event(now, EventUndrain, true, undrainContext{
		Idset: &s, Nodelist: m.nodelist(ids), Overwrite: overwrite, Reason: reason,
	})
}

func (m *Machine) undrain(ids *idset.Set) {
	for id := range ids.Intersect(m.drainedSet).All() {
		delete(m.drained, id)
	}
	m.drainedSet.RemoveSet(ids)
}

// DrainInfo is what is told of drained ranks: since when, in whole seconds, and
// why ("" when no reason was given).
type DrainInfo struct {
	Timestamp float64 `json:"timestamp"`
	Reason    string  `json:"reason"`
}

// DrainInfos tells all drained ranks: idsets of those drained at one time for
// one reason.
func (m *Machine) DrainInfos() map[string]DrainInfo {
	groups := map[DrainInfo]*idset.Set{}
	for id := range m.drainedSet.All() {
		d := m.drained[id]
		info := DrainInfo{Timestamp: math.Round(d.since)}
		if d.reason != nil {
			info.Reason = *d.reason
		}
		if groups[info] == nil {
			groups[info] = idset.New()
		}
		groups[info].Add(id)
	}
	infos := make(map[string]DrainInfo, len(groups))
	for info, ids := range groups {
		infos[ids.String()] = info
	}
	return infos
}
