// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"cmp"
	"slices"
	"syscall"

	"goflux/eventlog"
	"goflux/idset"
)

// Upgrade rewrites a log of flux-core before 0.62, which restated the drained
// ranks at each start ("resource-init") and did not name hosts. What remains is
// the state at the last such event, as drain events, and what happened since;
// ranks that are no more are left out. old is false, and the log as it was, if
// there is no such event. Errors wrap EPROTO.
func (m *Machine) Upgrade(log []eventlog.Entry) (upgraded []eventlog.Entry, old bool, err error) {
	last := len(log) - 1
	for last >= 0 && log[last].Name != eventInit {
		last--
	}
	if last < 0 {
		return log, false, nil
	}
	if upgraded, err = m.restated(log[last]); err != nil {
		return nil, true, errorf(syscall.EPROTO, "line %d: %s: %v", last+1, eventInit, err)
	}
	for i, e := range log[last+1:] {
		switch e.Name {
		case EventDefine:
		case EventDrain, EventUndrain:
			var keep bool
			if e, keep, err = m.named(e); err != nil {
				return nil, true, errorf(syscall.EPROTO, "line %d: %s: %v", last+i+2, e.Name, err)
			}
			if !keep {
				continue
			}
		default:
			continue
		}
		upgraded = append(upgraded, e)
	}
	return upgraded, true, nil
}

// restated is the drain events that make the state an event restates.
func (m *Machine) restated(e eventlog.Entry) ([]eventlog.Entry, error) {
	var init initContext
	if err := e.UnmarshalContext(&init); err != nil {
		return nil, err
	}
	var out []eventlog.Entry
	for text, d := range init.Drain {
		ids, err := idset.Parse(text)
		if err != nil {
			return nil, err
		}
		if last, ok := ids.Last(); !ok || int64(last) >= int64(m.Size()) || d.Timestamp <= 0 {
			continue
		}
		s, overwrite := ids.String(), overwriteNothing
		out = append(out, event(d.Timestamp, EventDrain, true, drainContext{
			Idset: &s, Nodelist: m.nodelist(ids), Reason: d.Reason, Overwrite: &overwrite,
		}).Entry)
	}
	slices.SortFunc(out, func(a, b eventlog.Entry) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	return out, nil
}

// named adds the hosts to a drain or undrain event that lacks them; false if its
// ranks are no more.
func (m *Machine) named(e eventlog.Entry) (eventlog.Entry, bool, error) {
	var d drainContext
	if err := e.UnmarshalContext(&d); err != nil {
		return e, false, err
	}
	if d.Idset == nil || d.Nodelist != nil {
		return e, true, nil // Replay judges it
	}
	ids, err := idset.Parse(*d.Idset)
	if err != nil {
		return e, false, err
	}
	if last, ok := ids.Last(); !ok || int64(last) >= int64(m.Size()) {
		return e, false, nil
	}
	d.Nodelist = m.nodelist(ids)
	return event(e.Timestamp, e.Name, true, d).Entry, true, nil
}
