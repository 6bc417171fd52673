// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import (
	"fmt"
	"sort"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
)

// updateJobspec applies a jobspec-update event: a dictionary of period-delimited
// paths and their new values (RFC 21).
func (j *Job) updateJobspec(context []byte) error {
	updates, err := ParseUpdates(context)
	if err != nil || j.Jobspec == nil {
		return err
	}
	spec := j.Jobspec.Clone()
	for _, u := range updates {
		if err := spec.SetAttr(u.Attr, u.Value); err != nil {
			return err
		}
	}
	j.Jobspec = spec
	return nil
}

// Update is one key of a jobspec-update event.
type Update struct {
	Path  string // as in the event: attributes.system.duration
	Attr  string // without the leading attributes.
	Value jsontext.Value
}

// ParseUpdates reads the context of a jobspec-update event, in the order of
// its paths. Only attributes may be updated.
func ParseUpdates(context []byte) ([]Update, error) {
	var m map[string]jsontext.Value
	if err := message.Unmarshal(context, &m); err != nil {
		return nil, err
	}
	out := make([]Update, 0, len(m))
	for path, v := range m {
		attr, ok := strings.CutPrefix(path, "attributes.")
		if !ok || attr == "" {
			return nil, fmt.Errorf("%s is not an attribute", path)
		}
		out = append(out, Update{path, attr, v})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out, nil
}

// Update applies updates to a job's jobspec, a dictionary as ParseUpdates reads
// it. The new time limit of a job that runs, if it gets one, is expiration. A
// job made immutable may no longer be updated by its user. EINVAL.
func (m *Machine) Update(now float64, j *Job, updates jsontext.Value, expiration *float64, immutable bool) error {
	if _, err := ParseUpdates(updates); err != nil {
		return message.Errorf(syscall.EINVAL, "%v", err)
	}
	if immutable && !j.Immutable {
		m.post(now, j, "set-flags", flagsContext{[]string{flagImmutable}})
	}
	if err := m.Event(now, j, "jobspec-update", updates); err != nil {
		return err
	}
	if expiration != nil {
		m.Expire(now, j, *expiration)
	}
	return nil
}

// Expire gives a job that has resources a new time limit, in seconds since the
// epoch; 0 is none.
func (m *Machine) Expire(now float64, j *Job, at float64) {
	m.post(now, j, "resource-update", expirationContext{at})
}

// respecified acts on a changed jobspec of a job that waits for resources: its
// queue may be another, and the scheduler must be asked anew.
func (m *Machine) respecified(now float64, j *Job) {
	if j.State != Sched {
		return
	}
	if j.run.queued && !m.queues.Started(j.Facts().Queue) {
		m.dequeue(j)
	}
	if j.run.allocating && !j.run.canceling {
		j.run.canceling = true
		m.emit(CancelAlloc{j.ID})
	}
	m.enqueue(j)
	m.fill(now)
}

// CurrentR is R with the newest expiration in it (RFC 41, flag current).
func (j *Job) CurrentR() jsontext.Value {
	if j.R == nil || j.Expiration == nil {
		return j.R
	}
	var r map[string]jsontext.Value
	var exec map[string]jsontext.Value
	if message.Unmarshal(j.R, &r) != nil || message.Unmarshal(r["execution"], &exec) != nil {
		return j.R
	}
	exec["expiration"] = message.AppendFloat(nil, *j.Expiration)
	b, err := message.Marshal(exec)
	if err != nil {
		return j.R
	}
	r["execution"] = b
	if b, err = message.Marshal(r); err != nil {
		return j.R
	}
	return b
}
