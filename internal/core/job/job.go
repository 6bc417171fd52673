// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/eventlog"
	"goflux/internal/message"
	"goflux/jobid"
	"goflux/jobspec"
)

// Job is one job. All but the fields of the last group is what its event log
// says and changes by Apply alone.
type Job struct {
	ID       jobid.ID
	UserID   uint32
	Flags    Flag
	Urgency  int
	Priority int64
	State    State

	// Times are seconds since the epoch; 0 means not reached.
	TSubmit, TDepend, TPriority, TSched, TRun, TCleanup, TInactive float64

	// Log is the event log, one RFC 18 line an event.
	Log    []byte
	Events int
	latest float64 // time of the newest event

	Dependencies []string
	// Prologs and Epilogs are the actions under way.
	Prologs, Epilogs []string
	Annotations      map[string]any
	// Exception is the first of severity zero; LastException the newest of any.
	Exception, LastException *Exception
	// EndedBy is the exception that ended the job, nil when it finished.
	EndedBy *Exception

	Allocated bool // alloc has been logged
	Started   bool // start has been logged
	Finished  bool // finish has been logged
	Freed     bool // free has been logged
	// WaitStatus is the status of the finish event.
	WaitStatus int
	// Expiration is the one of the newest resource-update: seconds since the
	// epoch, 0 for no limit. Without one, that of R counts.
	Expiration *float64

	// Jobspec is the job request with all updates applied, Request the JSON it
	// was at submission, J as it was signed; R the allocated resources (RFC 20)
	// without updates.
	Jobspec *jobspec.Jobspec
	Request jsontext.Value
	J       string
	R       jsontext.Value

	// Attempt counts the launches.
	Attempt int

	// Bypass: its resources are in its jobspec and come from no scheduler.
	// Immutable: its user may no longer update it.
	Bypass, Immutable bool

	// prologued: the site's prolog has ended; epilogued: its epilog was started.
	prologued, epilogued bool

	run     runState
	facts   *Facts
	factsOf *jobspec.Jobspec // what the facts are of: an update brings another
}

// Exception is an exception event.
type Exception struct {
	Type     string `json:"type"`
	Severity int    `json:"severity"`
	Note     string `json:"note"`
	UserID   uint32 `json:"userid,omitzero"`
	// WaitStatus is that of the task whose exit is the cause.
	WaitStatus *int `json:"wait_status,omitempty"`
}

// runState is what the machine knows about a job besides its log: which
// requests are under way.
type runState struct {
	queued     bool // waits for its alloc request to be sent
	allocating bool // alloc request sent
	canceling  bool // its cancellation, too
	executing  bool // start request sent, final release not received
	launched   bool // a start request was sent, perhaps by an earlier instance
	adrift     bool // shells that an earlier instance started may run
	retired    bool
	counted    bool // among the jobs past DEPEND of its name
	key        *singletonKey
	waits      []Dependency // what it is noted to wait for
}

// contexts of the events that Apply reads.
type (
	submitContext struct {
		UserID  uint32 `json:"userid"`
		Urgency int    `json:"urgency"`
		Flags   int    `json:"flags"`
		Version int    `json:"version"`
	}
	descriptionContext struct {
		Description string `json:"description"`
		Status      *int   `json:"status,omitempty"`
	}
	priorityContext struct {
		Priority int64 `json:"priority"`
	}
	urgencyContext struct {
		UserID  uint32 `json:"userid"`
		Urgency int    `json:"urgency"`
	}
	allocContext struct {
		Annotations map[string]any `json:"annotations,omitempty"`
		Bypass      bool           `json:"bypass,omitzero"`
	}
	finishContext struct {
		Status int `json:"status"`
	}
	releaseContext struct {
		Ranks string `json:"ranks"`
		Final bool   `json:"final"`
	}
	flagsContext struct {
		Flags []string `json:"flags"`
	}
	expirationContext struct {
		Expiration float64 `json:"expiration"`
	}
)

// Apply folds event e into the job. It reports an event that RFC 21 does not
// allow in the job's state; the job is then unchanged.
func (j *Job) Apply(e eventlog.Entry) error {
	step, ok := steps[e.Name]
	if ok {
		if err := step(j, e); err != nil {
			return fmt.Errorf("job %s: event %s in state %s: %w", j.ID, e.Name, j.State, err)
		}
	} else if j.Events == 0 {
		return fmt.Errorf("job %s: event %s before submit", j.ID, e.Name)
	}
	j.Log = e.Append(j.Log)
	j.Events++
	j.latest = e.Timestamp
	return nil
}

// Replay applies all events of a log.
func (j *Job) Replay(log []byte) error {
	entries, err := eventlog.Parse(log)
	if err != nil {
		return fmt.Errorf("job %s: %w", j.ID, err)
	}
	for _, e := range entries {
		if err := j.Apply(e); err != nil {
			return err
		}
	}
	return nil
}

// steps are the events that change a job (RFC 21, Event Descriptions). Others
// are kept in the log and change nothing.
var steps = map[string]func(*Job, eventlog.Entry) error{
	"submit": func(j *Job, e eventlog.Entry) error {
		var c submitContext
		if err := context(e, &c); err != nil {
			return err
		}
		if j.Events != 0 {
			return errNotAllowed
		}
		if c.Version != 1 {
			return fmt.Errorf("log version %d is not supported", c.Version)
		}
		j.UserID, j.Urgency, j.Flags = c.UserID, c.Urgency, Flag(c.Flags)
		j.State, j.Priority, j.TSubmit = New, PriorityNone, e.Timestamp
		return nil
	},
	"validate": func(j *Job, e eventlog.Entry) error { return j.move(New, Depend, &j.TDepend, e) },
	"depend": func(j *Job, e eventlog.Entry) error {
		if len(j.Dependencies) > 0 {
			return fmt.Errorf("dependencies are left: %v", j.Dependencies)
		}
		return j.move(Depend, Priority, &j.TPriority, e)
	},
	"priority": func(j *Job, e eventlog.Entry) error {
		var c priorityContext
		if err := context(e, &c); err != nil {
			return err
		}
		switch j.State {
		case Priority:
			j.State = Sched
			if j.TSched == 0 {
				j.TSched = e.Timestamp
			}
		case Sched:
		default:
			return errNotAllowed
		}
		j.Priority = c.Priority
		return nil
	},
	"flux-restart": func(j *Job, e eventlog.Entry) error {
		if j.State == Sched {
			j.State, j.Priority = Priority, PriorityNone
		}
		return nil
	},
	"urgency": func(j *Job, e eventlog.Entry) error {
		var c urgencyContext
		if err := context(e, &c); err != nil {
			return err
		}
		j.Urgency = c.Urgency
		return nil
	},
	"set-flags": func(j *Job, e eventlog.Entry) error {
		var c flagsContext
		if err := context(e, &c); err != nil {
			return err
		}
		for _, name := range c.Flags {
			if err := j.setFlag(name); err != nil {
				return err
			}
		}
		return nil
	},
	"dependency-add": func(j *Job, e eventlog.Entry) error {
		return addDescription(&j.Dependencies, e)
	},
	"dependency-remove": func(j *Job, e eventlog.Entry) error {
		return removeDescription(&j.Dependencies, e)
	},
	"alloc": func(j *Job, e eventlog.Entry) error {
		var c allocContext
		if e.Context != nil {
			if err := context(e, &c); err != nil {
				return err
			}
		}
		if err := j.move(Sched, Run, &j.TRun, e); err != nil {
			return err
		}
		j.Allocated = true
		if c.Annotations != nil {
			j.Annotations = c.Annotations
		}
		return nil
	},
	"prolog-start": func(j *Job, e eventlog.Entry) error { return addDescription(&j.Prologs, e) },
	"prolog-finish": func(j *Job, e eventlog.Entry) error {
		was := j.inProlog()
		err := removeDescription(&j.Prologs, e)
		j.prologued = j.prologued || was && !j.inProlog()
		return err
	},
	"epilog-start": func(j *Job, e eventlog.Entry) error {
		err := addDescription(&j.Epilogs, e)
		j.epilogued = j.epilogued || j.inEpilog()
		return err
	},
	"epilog-finish": func(j *Job, e eventlog.Entry) error { return removeDescription(&j.Epilogs, e) },
	"start": func(j *Job, e eventlog.Entry) error {
		if j.State&(Run|Cleanup) == 0 || !j.Allocated {
			return errNotAllowed
		}
		j.Started = true
		return nil
	},
	"finish": func(j *Job, e eventlog.Entry) error {
		var c finishContext
		if err := context(e, &c); err != nil {
			return err
		}
		if j.State&(Run|Cleanup) == 0 || j.Finished {
			return errNotAllowed
		}
		j.Finished, j.WaitStatus = true, c.Status
		if j.State == Run {
			j.State, j.TCleanup = Cleanup, e.Timestamp
		}
		return nil
	},
	"exception": func(j *Job, e eventlog.Entry) error {
		var c Exception
		if err := context(e, &c); err != nil {
			return err
		}
		if j.State == Inactive {
			return errNotAllowed
		}
		j.LastException = &c
		if c.Severity != 0 {
			return nil
		}
		if j.Exception == nil {
			j.Exception = &c
		}
		if j.State != Cleanup {
			j.State, j.TCleanup, j.EndedBy = Cleanup, e.Timestamp, &c
		}
		return nil
	},
	"free": func(j *Job, e eventlog.Entry) error {
		if !j.Allocated || j.Freed || j.State != Cleanup {
			return errNotAllowed
		}
		j.Freed = true
		return nil
	},
	"clean": func(j *Job, e eventlog.Entry) error {
		if j.Allocated && !j.Freed {
			return fmt.Errorf("its resources have not been freed")
		}
		return j.move(Cleanup, Inactive, &j.TInactive, e)
	},
	"memo": func(j *Job, e eventlog.Entry) error {
		var c map[string]any
		if err := context(e, &c); err != nil {
			return err
		}
		j.Annotate(map[string]any{"user": c})
		return nil
	},
	"jobspec-update": func(j *Job, e eventlog.Entry) error {
		return j.updateJobspec(e.Context)
	},
	"resource-update": func(j *Job, e eventlog.Entry) error {
		var c expirationContext
		if err := context(e, &c); err != nil {
			return err
		}
		j.Expiration = &c.Expiration
		return nil
	},
}

var errNotAllowed = fmt.Errorf("not allowed")

func context(e eventlog.Entry, dst any) error {
	if e.Context == nil {
		return fmt.Errorf("context is missing")
	}
	return message.Unmarshal(e.Context, dst)
}

// setFlag sets a flag that a job got after its submission.
func (j *Job) setFlag(name string) error {
	switch name {
	case flagBypass:
		j.Bypass = true
	case flagImmutable:
		j.Immutable = true
	default:
		f, ok := FlagByName[name]
		if !ok {
			return fmt.Errorf("unknown flag %q", name)
		}
		j.Flags |= f
	}
	return nil
}

// move takes the job from one state to the next and notes when.
func (j *Job) move(from, to State, at *float64, e eventlog.Entry) error {
	if j.State != from {
		return errNotAllowed
	}
	j.State, *at = to, e.Timestamp
	return nil
}

func addDescription(list *[]string, e eventlog.Entry) error {
	var c descriptionContext
	if err := context(e, &c); err != nil {
		return err
	}
	if !slices.Contains(*list, c.Description) {
		*list = append(*list, c.Description)
	}
	return nil
}

func removeDescription(list *[]string, e eventlog.Entry) error {
	var c descriptionContext
	if err := context(e, &c); err != nil {
		return err
	}
	i := slices.Index(*list, c.Description)
	if i < 0 {
		return fmt.Errorf("%q was not there", c.Description)
	}
	*list = slices.Delete(slices.Clone(*list), i, i+1)
	return nil
}

// Annotate merges annotations into the job's as RFC 27 says: dictionaries are
// merged, null removes a key. The maps that are there are not changed.
func (j *Job) Annotate(a map[string]any) { j.setAnnotations(merge(j.Annotations, a)) }

// setAnnotations sets annotations; a job without any has none, not an empty map.
func (j *Job) setAnnotations(a map[string]any) {
	if j.Annotations = a; len(a) == 0 {
		j.Annotations = nil
	}
}

func merge(old, add map[string]any) map[string]any {
	out := make(map[string]any, len(old)+len(add))
	for k, v := range old {
		out[k] = v
	}
	for k, v := range add {
		switch v := v.(type) {
		case nil:
			delete(out, k)
		case map[string]any:
			sub, _ := out[k].(map[string]any)
			if m := merge(sub, v); len(m) > 0 {
				out[k] = m
			} else {
				delete(out, k)
			}
		default:
			out[k] = v
		}
	}
	return out
}

// Result is how the job ended (flux-jobs(1)); 0 while it is active.
func (j *Job) Result() Result {
	if j.State != Inactive {
		return 0
	}
	switch {
	case j.Exception != nil && j.Exception.Type == "cancel":
		return Canceled
	case j.Exception != nil && j.Exception.Type == "timeout":
		return Timeout
	case j.Finished && j.WaitStatus == 0 && j.Exception == nil:
		return Completed
	}
	return Failed
}

// Success reports whether the job ran to its end with status zero.
func (j *Job) Success() bool { return j.Result() == Completed }

// Held reports whether the job waits for its urgency to be raised.
func (j *Job) Held() bool { return j.Urgency == UrgencyHold }
