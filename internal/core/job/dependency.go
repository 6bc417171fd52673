// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/tidwall/btree"

	"goflux/internal/message"
	"goflux/jobid"
	"goflux/jobspec"
)

// Dependency is a dependency of a submission, checked and ready to be added
// (RFC 26; flux-submit(1), DEPENDENCIES).
type Dependency struct {
	Scheme, Description string

	kind    dependencyKind
	on      jobid.ID // after…
	at      float64  // begin-time
	warning string
}

type dependencyKind int

const (
	afterStart dependencyKind = iota
	afterAny
	afterOK
	afterNotOK
	afterExcept
	beginTime
	singleton
)

var dependencySchemes = map[string]struct {
	kind   dependencyKind
	prefix string // of the description
}{
	"after": {afterStart, "after-start"}, "afterstart": {afterStart, "after-start"},
	"afterany": {afterAny, "after-finish"}, "afterok": {afterOK, "after-success"},
	"afternotok": {afterNotOK, "after-failure"}, "afterexcept": {afterExcept, "after-except"},
	"begin-time": {beginTime, "begin-time"}, "singleton": {singleton, "singleton"},
}

// dependencies is what the machine knows about jobs that wait for something.
type dependencies struct {
	after  map[jobid.ID][]waitingFor // by the job they wait for
	begins *btree.BTreeG[waitingFor] // by time
	queues map[singletonKey][]*Job   // singletons that wait
	counts map[singletonKey]int      // jobs past DEPEND
}

type waitingFor struct {
	job *Job
	dep Dependency
}

func newDependencies() dependencies {
	return dependencies{
		after:  map[jobid.ID][]waitingFor{},
		queues: map[singletonKey][]*Job{}, counts: map[singletonKey]int{},
		begins: btree.NewBTreeGOptions(func(a, b waitingFor) bool {
			if a.dep.at != b.dep.at {
				return a.dep.at < b.dep.at
			}
			return a.job.ID < b.job.ID
		}, btree.Options{NoLocks: true}),
	}
}

// ParseDependencies checks the dependencies of a jobspec for a user. find
// returns any job, active or ended. The errors are what the submitter is told.
func ParseDependencies(spec *jobspec.Jobspec, userid uint32, find func(jobid.ID) (*Job, error)) ([]Dependency, error) {
	list, err := spec.Dependencies()
	if err != nil {
		return nil, message.Errorf(syscall.EINVAL, "%v", err)
	}
	var out []Dependency
	for _, d := range list {
		s, ok := dependencySchemes[d.Scheme]
		if !ok {
			return nil, ErrScheme(d.Scheme)
		}
		dep := Dependency{Scheme: d.Scheme, kind: s.kind, Description: s.prefix + "=" + d.Value}
		switch s.kind {
		case singleton:
			if spec.Attr("system.job.name") == nil {
				return nil, message.Errorf(syscall.EINVAL, "singleton jobs require a job name")
			}
			dep.Description = s.prefix
		case beginTime:
			if dep.at, err = strconv.ParseFloat(d.Value, 64); err != nil || dep.at < 0 {
				return nil, message.Errorf(syscall.EINVAL, "Invalid begin-time=%s", d.Value)
			}
			dep.Description = fmt.Sprintf("%s=%.3f", s.prefix, dep.at)
		default:
			if err := dep.afterJob(d.Scheme, d.Value, userid, find); err != nil {
				return nil, err
			}
		}
		out = append(out, dep)
	}
	return out, nil
}

// ErrScheme refuses a dependency scheme. EINVAL.
func ErrScheme(scheme string) error {
	return message.Errorf(syscall.EINVAL, "dependency scheme %q not supported", scheme)
}

// afterJob checks a dependency on another job.
func (d *Dependency) afterJob(scheme, value string, userid uint32, find func(jobid.ID) (*Job, error)) error {
	bad := func(format string, args ...any) error {
		return message.Errorf(syscall.EINVAL, "dependency: %s: "+format, append([]any{scheme}, args...)...)
	}
	id, err := jobid.Parse(value)
	if err != nil {
		return bad("%q is not a valid jobid", value)
	}
	other, err := find(id)
	if err != nil {
		return bad("id %s: job not found", value)
	}
	if other.UserID != userid {
		return message.Errorf(syscall.EINVAL, "%s: Permission denied for job %s", scheme, value)
	}
	d.on = id
	if scheme == "after" {
		d.warning = "dependency scheme 'after' is deprecated, use 'afterstart'"
	}
	if other.State == Inactive {
		if why := d.unsatisfied(other); why != "" {
			return bad("%s", why)
		}
	}
	return nil
}

// unsatisfied says why a job that has ended does not satisfy the dependency,
// "" when it does.
func (d *Dependency) unsatisfied(other *Job) string {
	switch {
	case d.kind == afterAny:
	case !other.Allocated, d.kind == afterStart && !other.Started:
		return fmt.Sprintf("%s never started", other.ID)
	case d.kind == afterOK && other.Result() != Completed:
		return fmt.Sprintf("job %s failed or was canceled", other.ID)
	case d.kind == afterNotOK && other.Result() == Completed:
		return fmt.Sprintf("job %s succeeded", other.ID)
	case d.kind == afterExcept && other.Exception == nil:
		return fmt.Sprintf("job %s: no exception", other.ID)
	}
	return ""
}

// await adds the dependencies of a new job, leaving out singleton when no other
// job is in its way.
func (m *Machine) await(now float64, j *Job, deps []Dependency) {
	for _, d := range deps {
		if d.kind == singleton && m.deps.counts[keyOf(j)] == 0 && len(m.deps.queues[keyOf(j)]) == 0 {
			continue
		}
		if d.warning != "" {
			m.post(now, j, "exception", Exception{Type: "dependency", Severity: 3, Note: d.warning})
		}
		m.post(now, j, "dependency-add", descriptionContext{Description: d.Description})
		m.watch(j, d)
	}
	for _, d := range deps {
		m.settle(now, j, d)
	}
}

// Watch notes again what a restored job waits for.
func (m *Machine) Watch(j *Job, deps []Dependency) {
	for _, d := range deps {
		if slices.Contains(j.Dependencies, d.Description) {
			m.watch(j, d)
		}
	}
}

func (m *Machine) watch(j *Job, d Dependency) {
	w := waitingFor{j, d}
	j.run.waits = append(j.run.waits, d)
	switch d.kind {
	case beginTime:
		m.deps.begins.Set(w)
	case singleton:
		k := keyOf(j)
		m.deps.queues[k] = append(m.deps.queues[k], j)
	default:
		m.deps.after[d.on] = append(m.deps.after[d.on], w)
	}
}

// unwatch forgets what a job waited for that waits no longer.
func (m *Machine) unwatch(j *Job) {
	for _, d := range j.run.waits {
		switch d.kind {
		case beginTime:
			m.deps.begins.Delete(waitingFor{j, d})
		case singleton:
			k := keyOf(j)
			left := slices.DeleteFunc(m.deps.queues[k], func(o *Job) bool { return o == j })
			if m.deps.queues[k] = left; len(left) == 0 {
				delete(m.deps.queues, k)
			}
		default:
			left := slices.DeleteFunc(m.deps.after[d.on], func(w waitingFor) bool { return w.job == j })
			if m.deps.after[d.on] = left; len(left) == 0 {
				delete(m.deps.after, d.on)
			}
		}
	}
	j.run.waits = nil
}

// settle meets a dependency that is met already when the job comes.
func (m *Machine) settle(now float64, j *Job, d Dependency) {
	if d.kind > afterExcept || !slices.Contains(j.Dependencies, d.Description) {
		return
	}
	other := m.jobs[d.on]
	if other == nil || d.kind == afterStart && other.Started {
		m.post(now, j, "dependency-remove", descriptionContext{Description: d.Description})
	}
}

// Waiting is a job that waits for another one.
type Waiting struct {
	On, Job     jobid.ID
	Kind        string // as in the description: after-start
	Description string
}

// Waiting returns the jobs that wait for another one, in the order of their ids.
func (m *Machine) Waiting() []Waiting {
	var out []Waiting
	for on, list := range m.deps.after {
		for _, w := range list {
			kind, _, _ := strings.Cut(w.dep.Description, "=")
			out = append(out, Waiting{On: on, Job: w.job.ID, Kind: kind, Description: w.dep.Description})
		}
	}
	slices.SortFunc(out, func(a, b Waiting) int {
		return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.Description, b.Description))
	})
	return out
}

// Singletons are the active jobs of a user and a name: Count of them all, and
// those that wait until they are the only one, the oldest first.
type Singletons struct {
	UserID uint32
	Name   string
	Count  int
	Wait   []jobid.ID
}

// Singletons returns those of which a job waits, in no order.
func (m *Machine) Singletons() []Singletons {
	var out []Singletons
	for k, queue := range m.deps.queues {
		s := Singletons{UserID: k.userid, Name: k.name, Count: m.deps.counts[k] + len(queue)}
		for _, j := range queue {
			s.Wait = append(s.Wait, j.ID)
		}
		out = append(out, s)
	}
	return out
}

// NextBegin is when the next begin-time comes; false when there is none.
func (m *Machine) NextBegin() (at float64, ok bool) {
	w, ok := m.deps.begins.Min()
	return w.dep.at, ok
}

// Tick lets jobs go on whose begin-time has come.
func (m *Machine) Tick(now float64) {
	for {
		w, ok := m.deps.begins.Min()
		if !ok || w.dep.at > now {
			return
		}
		m.deps.begins.Delete(w)
		m.met(now, w)
	}
}

// met removes a dependency, if the job still waits for it.
func (m *Machine) met(now float64, w waitingFor) {
	if w.job.State == Depend {
		_ = m.RemoveDependency(now, w.job, w.dep.Description) // ENOENT: it was removed otherwise
	}
}

// notice acts on what an event of j means to the jobs that wait for it.
func (m *Machine) notice(now float64, j *Job, before State, event string) {
	if before == Depend && j.State != Depend {
		m.unwatch(j)
	}
	if before <= Depend && j.State > Depend && j.State < Inactive {
		m.deps.counts[keyOf(j)]++
		j.run.counted = true
	}
	m.runPerilog(now, j, event)
	switch event {
	case "start":
		m.release(now, j, func(d *Dependency) bool { return d.kind == afterStart })
	case "jobspec-update":
		m.respecified(now, j)
	case "resource-update":
		if j.run.executing {
			m.emit(Extend{j, *j.Expiration})
		}
	}
}

// release meets those dependencies on j that satisfied picks.
func (m *Machine) release(now float64, j *Job, satisfied func(*Dependency) bool) {
	var left, met []waitingFor
	for _, w := range m.deps.after[j.ID] {
		if satisfied(&w.dep) {
			met = append(met, w)
		} else {
			left = append(left, w)
		}
	}
	if len(left) == 0 {
		delete(m.deps.after, j.ID)
	} else {
		m.deps.after[j.ID] = left
	}
	for _, w := range met {
		m.met(now, w)
	}
}

// gone settles what waited for a job that is inactive now.
func (m *Machine) gone(now float64, j *Job) {
	m.release(now, j, func(d *Dependency) bool { return d.unsatisfied(j) == "" })
	never := m.deps.after[j.ID]
	delete(m.deps.after, j.ID)
	for _, w := range never {
		if w.job.State == Depend {
			m.Raise(now, w.job, Exception{
				Type: "dependency", Severity: 0,
				Note: fmt.Sprintf("dependency %s can never be satisfied", w.dep.Description),
			})
		}
	}
	k := keyOf(j)
	if j.run.counted {
		if m.deps.counts[k]--; m.deps.counts[k] == 0 {
			delete(m.deps.counts, k)
		}
	}
	m.nextSingleton(now, k)
}

// nextSingleton lets the oldest singleton go on when none of its name is active.
func (m *Machine) nextSingleton(now float64, k singletonKey) {
	for m.deps.counts[k] == 0 && len(m.deps.queues[k]) > 0 {
		next := m.deps.queues[k][0]
		m.deps.queues[k] = m.deps.queues[k][1:]
		if len(m.deps.queues[k]) == 0 {
			delete(m.deps.queues, k)
		}
		m.met(now, waitingFor{next, Dependency{Scheme: "singleton", Description: "singleton"}})
	}
}

// singletonKey tells the jobs apart of which only one may be active.
type singletonKey struct {
	userid uint32
	name   string
}

func (k singletonKey) compare(o singletonKey) int {
	return cmp.Or(cmp.Compare(k.userid, o.userid), cmp.Compare(k.name, o.name))
}

// keyOf is the job's key by the name it was submitted with.
func keyOf(j *Job) singletonKey {
	if j.run.key == nil {
		j.run.key = &singletonKey{j.UserID, j.Facts().Name}
	}
	return *j.run.key
}
