// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tidwall/btree"

	"goflux/eventlog"
	"goflux/internal/message"
	"goflux/jobid"
)

// Machine is all active jobs. It is not safe for concurrent use.
type Machine struct {
	jobs map[jobid.ID]*Job
	// queue holds the jobs whose alloc request is yet to be sent, asked those
	// whose request is with the scheduler; both by priority, then by age.
	queue, asked *btree.BTreeG[*Job]
	// left are jobs that have ended while their request was with the scheduler,
	// which owes an answer about it.
	left map[jobid.ID]*Job
	// limit is how many requests the scheduler takes at once: 0 none (there
	// is no scheduler), -1 any number.
	limit int
	// exec says that an execution service is there.
	exec    bool
	site    Site
	queues  *Queues
	deps    dependencies
	effects []Effect
	counts  [Inactive + 1]int
}

// NewMachine returns a machine without jobs whose queues are qs.
func NewMachine(qs *Queues) *Machine {
	less := func(a, b *Job) bool {
		if a.Priority != b.Priority {
			return a.Priority > b.Priority
		}
		return a.ID < b.ID
	}
	opt := btree.Options{NoLocks: true}
	return &Machine{
		jobs:   map[jobid.ID]*Job{},
		queue:  btree.NewBTreeGOptions(less, opt),
		asked:  btree.NewBTreeGOptions(less, opt),
		left:   map[jobid.ID]*Job{},
		queues: qs,
		deps:   newDependencies(),
	}
}

// Job returns an active job, or nil.
func (m *Machine) Job(id jobid.ID) *Job { return m.jobs[id] }

// Jobs yields the active jobs in the order of their ids: what is done to all is
// done in the same order each time.
func (m *Machine) Jobs(yield func(*Job) bool) {
	for _, id := range slices.Sorted(maps.Keys(m.jobs)) {
		if j := m.jobs[id]; j != nil && !yield(j) {
			return
		}
	}
}

// Len is the number of active jobs, Count that of those in a state.
func (m *Machine) Len() int          { return len(m.jobs) }
func (m *Machine) Count(s State) int { return m.counts[s] }

// QueueLen is how many jobs wait for their alloc request to be sent, Asked how
// many requests are with the scheduler.
func (m *Machine) QueueLen() int { return m.queue.Len() }
func (m *Machine) Asked() int    { return m.asked.Len() }

// Queues are the submission queues.
func (m *Machine) Queues() *Queues { return m.queues }

// Effects returns what has been decided since the last call.
func (m *Machine) Effects() []Effect {
	e := m.effects
	m.effects = nil
	return e
}

func (m *Machine) emit(e Effect) { m.effects = append(m.effects, e) }

// Submission is how a job is submitted, besides its request.
type Submission struct {
	UserID       uint32
	Urgency      int
	Flags        Flag
	Dependencies []Dependency
	// Hold sets the urgency to hold, whatever was asked for, on behalf of
	// user HeldBy.
	Hold   bool
	HeldBy uint32
	// Bypass takes the resources from attributes.system.alloc-bypass.R.
	Bypass bool
}

// Add takes in a new job: it posts submit and goes on from there. j has ID, J,
// Request and Jobspec.
func (m *Machine) Add(now float64, j *Job, s *Submission) {
	m.jobs[j.ID] = j
	m.post(now, j, "submit", submitContext{UserID: s.UserID, Urgency: s.Urgency, Flags: int(s.Flags), Version: 1})
	m.post(now, j, "validate", nil)
	if s.Bypass {
		m.post(now, j, "set-flags", flagsContext{[]string{flagBypass}})
	}
	if s.Hold && j.Urgency != UrgencyHold {
		m.post(now, j, "urgency", urgencyContext{UserID: s.HeldBy, Urgency: UrgencyHold})
	}
	m.await(now, j, s.Dependencies)
	m.advance(now, j)
}

// Restore takes in an active job of an earlier run, replayed from its log.
// After all have been restored, Resume lets them go on.
func (m *Machine) Restore(j *Job) {
	m.jobs[j.ID] = j
	m.counts[j.State]++
	j.run.launched = j.Allocated && len(j.Prologs) == 0
	j.run.adrift = j.run.launched
	if j.State > Depend {
		m.deps.counts[keyOf(j)]++
		j.run.counted = true
	}
}

// Resume lets all restored jobs go on, when there is no scheduler yet. Those that waited for resources get
// their priority anew (RFC 21, Flux-Restart Event).
func (m *Machine) Resume(now float64) {
	for j := range m.Jobs {
		if j.State == Sched {
			m.dequeue(j) // the queue is ordered by priority
			m.post(now, j, "flux-restart", nil)
		}
		m.resumePerilog(now, j)
		m.advance(now, j)
	}
	for _, k := range slices.SortedFunc(maps.Keys(m.deps.queues), singletonKey.compare) {
		m.nextSingleton(now, k)
	}
	m.Tick(now)
}

// post logs an event. An event the machine itself derives is always legal; if
// it is not, the machine is broken and says so with all it knows.
func (m *Machine) post(now float64, j *Job, name string, ctx any) {
	e := eventlog.Entry{Timestamp: now, Name: name}
	if ctx != nil {
		b, err := message.Marshal(ctx)
		if err != nil {
			panic(fmt.Sprintf("job %s: context of %s: %v", j.ID, name, err))
		}
		e.Context = b
	}
	if err := m.apply(j, e); err != nil {
		panic(fmt.Sprintf("%v\nlog:\n%s", err, j.Log))
	}
}

// eventInterval is the least time between two events of a job, in seconds: a
// log's times tell its order, whether events come together or the clock is set
// back. It is what timestamps resolve (RFC 18).
const eventInterval = 1e-6

// apply folds an event into the job and reports it.
func (m *Machine) apply(j *Job, e eventlog.Entry) error {
	before, at := j.State, len(j.Log)
	e.Timestamp = max(e.Timestamp, j.latest+eventInterval)
	if err := j.Apply(e); err != nil {
		return err
	}
	if before != j.State || j.Events == 1 {
		if j.Events > 1 {
			m.counts[before]--
		}
		m.counts[j.State]++
	}
	m.emit(Logged{j, e, j.Log[at:len(j.Log):len(j.Log)]})
	m.notice(e.Timestamp, j, before, e.Name)
	return nil
}

// debug logs a step that is in the log of a job with the debug flag alone.
func (m *Machine) debug(now float64, j *Job, name string) {
	if j.Flags&FlagDebug != 0 {
		m.post(now, j, "debug."+name, nil)
	}
}

// debugNote is debug with a note.
func (m *Machine) debugNote(now float64, j *Job, name, note string) {
	if j.Flags&FlagDebug != 0 {
		m.post(now, j, "debug."+name, map[string]string{"note": note})
	}
}

// advance does what the job's state calls for until it has to wait.
func (m *Machine) advance(now float64, j *Job) {
	for {
		state := j.State
		switch state {
		case Depend:
			if len(j.Dependencies) == 0 {
				m.post(now, j, "depend", nil)
			}
		case Priority:
			m.post(now, j, "priority", priorityContext{PriorityOf(j)})
		case Sched:
			if j.Bypass {
				m.bypass(now, j)
				break
			}
			m.enqueue(j)
			m.fill(now)
		case Run:
			m.start(now, j)
		case Cleanup:
			m.cleanup(now, j)
		case Inactive:
			m.retire(now, j)
		}
		if j.State == state {
			return
		}
	}
}

// PriorityOf is the default priority plugin: the urgency, or for an expedited
// job the highest priority there is (RFC 30).
func PriorityOf(j *Job) int64 {
	if j.Urgency == UrgencyExpedite {
		return PriorityMax
	}
	return int64(j.Urgency)
}

// bypass gives a job the resources that its jobspec names, unless it is held.
func (m *Machine) bypass(now float64, j *Job) {
	if j.Priority > 0 {
		j.R = j.Jobspec.Attr(BypassAttr)
		m.post(now, j, "alloc", allocContext{Bypass: true})
	}
}

// BypassAttr is the attribute with the resources of a job that bypasses the
// scheduler.
const BypassAttr = "system.alloc-bypass.R"

func (m *Machine) enqueue(j *Job) {
	if j.run.queued || j.run.allocating || j.Bypass || j.Priority <= 0 || !m.queues.Started(j.Facts().Queue) {
		return
	}
	j.run.queued = true
	m.queue.Set(j)
}

func (m *Machine) dequeue(j *Job) {
	if j.run.queued {
		m.queue.Delete(j)
		j.run.queued = false
	}
}

// fill sends alloc requests as far as the scheduler takes them. When it takes
// no more and the best job that waits is better than the worst that was sent,
// the latter's request is taken back to make room.
func (m *Machine) fill(now float64) {
	for m.limit != 0 && m.queue.Len() > 0 {
		best, _ := m.queue.Min()
		if m.limit > 0 && m.asked.Len() >= m.limit {
			worst, _ := m.asked.Max()
			if best.Priority > worst.Priority && !worst.run.canceling {
				worst.run.canceling = true
				m.emit(CancelAlloc{worst.ID})
			}
			return
		}
		m.dequeue(best)
		best.run.allocating = true
		m.asked.Set(best)
		m.debug(now, best, "alloc-request")
		m.emit(RequestAlloc{best})
	}
}

// start asks for execution when nothing is in the way.
func (m *Machine) start(now float64, j *Job) {
	if j.run.executing || len(j.Prologs) > 0 || !m.exec {
		return
	}
	j.run.executing = true
	m.debug(now, j, "start-request")
	m.emit(StartExec{Job: j, Reattach: j.Started, Again: j.run.launched})
	j.run.launched = true
}

// cleanup takes back what is under way, frees the resources, and ends.
func (m *Machine) cleanup(now float64, j *Job) {
	m.dequeue(j)
	if j.run.allocating { // a scheduler that is slow, or stuck, holds up nobody
		if !j.run.canceling {
			j.run.canceling = true
			m.emit(CancelAlloc{j.ID})
		}
		m.left[j.ID] = j
		j.setAnnotations(withoutSched(j.Annotations)) // it waits for nothing any more
	}
	if j.run.executing || len(j.Prologs) > 0 || len(j.Epilogs) > 0 {
		return
	}
	if j.Allocated && !j.Finished && (j.Started || j.run.adrift) {
		// Shells that run, or may, must be found again before anything is freed, as
		// soon as there is an execution service.
		m.start(now, j)
		return
	}
	if m.owesEpilog(j) {
		m.startEpilog(now, j)
		return
	}
	m.free(now, j)
	m.post(now, j, "clean", nil)
}

// free takes a job's resources from it: they go to the scheduler, or to
// housekeeping first. Those of a job that bypassed the scheduler go to nobody.
func (m *Machine) free(now float64, j *Job) {
	if !j.Allocated || j.Freed {
		return
	}
	m.post(now, j, "free", nil)
	switch {
	case j.Bypass:
	case m.site.Housekeeping:
		m.emit(HandOver{j})
	default:
		m.emit(Free{j.ID, j.R})
	}
}

func (m *Machine) retire(now float64, j *Job) {
	if j.run.retired {
		return
	}
	j.run.retired = true
	delete(m.jobs, j.ID)
	m.counts[Inactive]--
	m.emit(Retire{j})
	m.gone(now, j)
}
