// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"syscall"
	"time"

	"goflux/internal/core/housekeeping"
	"goflux/internal/core/ingest"
	"goflux/internal/core/job"
	"goflux/internal/core/perilog"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/store"
	"goflux/jobid"
)

// group makes the faces share one instance.
const group = "jobs"

// Leader are the registrations of the leader.
func Leader() []*service.Registration {
	face := func(name string, methods []service.Method) *service.Registration {
		return &service.Registration{Name: name, Group: group, LogAs: "job-manager", Methods: methods, New: open}
	}
	return []*service.Registration{
		face("job-manager", managerMethods),
		face("job-ingest", ingestMethods),
		face("job-info", infoMethods),
		face("job-list", listMethods),
	}
}

// Follower are those of the other brokers: the requests go up.
func Follower() []*service.Registration {
	relay := func(name string) *service.Registration {
		return &service.Registration{
			Name: name, Relay: true,
			New: func(service.Host, []string) (any, error) { return struct{}{}, nil },
		}
	}
	return []*service.Registration{relay("job-ingest"), relay("job-info")}
}

// jobs is the one instance behind the faces.
type jobs struct {
	h     service.Host
	store *store.Store // nil in tests without one
	m     *job.Machine
	ids   *jobid.Generator
	maxID jobid.ID
	begin time.Time // when the generator's clock started, and at what
	base  uint64    // milliseconds
	owner uint32

	batch    *store.Batch
	acts     []func() // to be done when the batch is durable
	awaited  bool     // by somebody
	inflight int      // commits under way

	records map[jobid.ID]*record
	ending  map[jobid.ID]*job.Job // ended, their rows not yet durable
	purging map[uint64]bool       // to be forgotten, not yet durably
	history *history
	recent  recent
	waiters []*service.Call // job-manager.wait for any job
	zombies map[jobid.ID]*zombie
	idle    []*service.Call // job-manager.idle
	drain   []*service.Call // job-manager.drain
	sched   schedLink
	exec    execLink
	journal journal
	watch   watchers
	updates jobStreams[*updateWatch]
	pending map[jobid.ID][]*service.Call // list-id waiting for a state
	lists   listQueue
	// listPaused holds list-id back: job-list.job-state-pause.
	listPaused bool
	// maxComparisons bounds what one listing may cost; 0: any number.
	maxComparisons int
	stats          tallies
	begins         service.Timer // the next begin-time

	statsWatch service.Streams[struct{}] // job-list.job-stats
	statsTimer service.Timer

	perilogs perilogs
	cleaning cleaning

	set      *settings
	pipeline *ingest.Pipeline
	plugins  []*plugin
	// filled and validated count what went through the stages of the pipeline.
	filled, validated counted
	// lifetime is when the instance ends, in seconds since the epoch; 0 never.
	lifetime      float64
	lifetimeKnown bool
	absent        bool          // the manager has left
	ageing        service.Timer // the next look for records that are too old
}

// record is what the service keeps of an active job besides the machine's part.
type record struct {
	waiting   *service.Call     // job-manager.wait
	guest     string            // root of its guest namespace, when it is over
	namespace bool              // it has a guest namespace
	critical  string            // the shell ranks it cannot do without, "" if nobody said
	stored    bool              // its PutJob is in a batch
	counted   job.State         // the state it is counted in
	seqs      map[string]uint64 // of the last request for a stream, by stream and writer
	listing   map[string]any    // the last one made
	listedAs  listedAs
	ready     bool  // its shells hear of signals
	early     []int // signals that wait for that
}

func open(h service.Host, args []string) (any, error) {
	s := &jobs{
		h: h, m: job.NewMachine(job.NewQueues()), owner: ownerOf(h),
		batch: &store.Batch{}, records: map[jobid.ID]*record{}, ending: map[jobid.ID]*job.Job{}, zombies: map[jobid.ID]*zombie{},
		purging: map[uint64]bool{}, history: newHistory(), pending: map[jobid.ID][]*service.Call{},
	}
	s.store, _ = h.Shared("store").(*store.Store)
	s.perilogs = perilogs{runs: map[jobid.ID]*perilogRun{}, again: map[jobid.ID]bool{}}
	s.cleaning = cleaning{m: housekeeping.New(), cmds: map[jobid.ID]*command{}}
	if err := s.start(h.Name(), args); err != nil {
		return nil, err
	}
	if err := s.takeOver(); err != nil {
		return nil, err
	}
	if err := s.restore(); err != nil {
		return nil, err
	}
	if err := s.loadHistory(); err != nil {
		return nil, err
	}
	s.schedInit()
	s.execInit()
	s.ageOut()
	s.watchLifetime(lifetimeRetry)
	s.watchEnd()
	return s, nil
}

// Leave implements service.Joiner: without the manager, the scheduler and the
// execution service have nobody to talk to.
func (s *jobs) Leave(name string) {
	if name == "job-manager" {
		s.absent = true
		s.schedGone(syscall.ENOSYS)
		s.execGone(syscall.ENOSYS, "disconnect")
	}
}

// start reads the configuration and loads the plugins.
func (s *jobs) start(face string, args []string) error {
	for _, name := range always {
		s.plugins = append(s.plugins, &plugin{name: name})
	}
	if face != "job-ingest" {
		args = nil // the others take none
	}
	if err := s.loadIngest(args); err != nil {
		return err
	}
	if err := s.ReconfigureAs("job-list"); err != nil {
		return err
	}
	set, err := newSettings(s.h.Config())
	if err != nil {
		return err
	}
	s.set = set
	s.m.Queues().Configure(set.policy.Queues(), set.policy.Parent)
	for _, d := range set.plugins {
		if err := s.direct(d); err != nil {
			return err
		}
	}
	s.configureHousekeeping()
	s.setSite()
	return nil
}

// loadIngest takes the arguments that job-ingest is loaded with.
func (s *jobs) loadIngest(list []string) error {
	args, err := ingest.ParseArgs(list)
	if err != nil {
		return err
	}
	return s.pipe(args)
}

// Join implements service.Joiner: a manager that comes back restarts the jobs.
func (s *jobs) Join(name string, args []string) error {
	switch name {
	case "job-ingest":
		return s.loadIngest(args)
	case "job-manager":
		if s.absent { // or it comes for the first time, after others of the group
			s.absent = false
			s.m.Resume(s.now())
		}
	case "job-list":
		return s.ReconfigureAs(name)
	}
	return nil
}

// now is the time of an event: seconds since the epoch, to the microsecond.
func (s *jobs) now() float64 {
	t := s.h.Now()
	return float64(t.UnixMicro()) / 1e6
}

// after puts an act behind what has been decided so far: it is done when that
// is durable.
func (s *jobs) after(fn func()) { s.behind(true, fn) }

// behind is after, for an act that somebody may be waiting for, or nobody: then
// what has been decided becomes durable with what is decided next.
func (s *jobs) behind(awaited bool, fn func()) {
	s.collect()
	s.acts = append(s.acts, fn)
	s.awaited = s.awaited || awaited
}

// collect turns what the machine has decided into what is to be stored and
// what is to be done about it, in this order.
func (s *jobs) collect() {
	for _, e := range s.m.Effects() {
		s.record(e)
	}
}

// reply answers c once what was decided is durable.
func (s *jobs) reply(c *service.Call, payload any) { s.after(func() { c.Respond(payload) }) }

// EndBatch implements service.Batcher: one commit for all that came together.
func (s *jobs) EndBatch() {
	for {
		s.collect()
		if len(s.acts) == 0 && s.batch.Empty() {
			return
		}
		acts, batch := s.acts, s.batch
		if !s.awaited {
			batch.MayWait()
		}
		s.acts, s.batch, s.awaited = nil, &store.Batch{}, false
		if !batch.Empty() || s.inflight > 0 {
			s.commit(batch, acts)
			return
		}
		run(acts) // nothing to wait for; they may decide more
	}
}

// commit makes a batch durable and then does the acts.
func (s *jobs) commit(batch *store.Batch, acts []func()) {
	s.inflight++
	s.store.Commit(batch, func(err error) {
		s.h.Post(func() {
			s.inflight--
			if err != nil {
				// What was decided is not on disk: only a restart from what is
				// there keeps the promise that nothing unrecorded is shown.
				s.h.Log().Error("job database", "err", err)
				s.h.Fail(err)
				return
			}
			run(acts)
		})
	})
}

func run(acts []func()) {
	for _, fn := range acts {
		fn()
	}
}

// record turns an effect into what is to be stored and what is to be done.
func (s *jobs) record(e job.Effect) {
	switch e := e.(type) {
	case job.Logged:
		s.recordEvent(e)
	case job.RequestAlloc:
		s.after(func() { s.requestAlloc(e.Job) })
	case job.CancelAlloc:
		s.after(func() { s.cancelAlloc(e.ID) })
	case job.Prioritize:
		s.after(func() { s.prioritize(e.ID, e.Priority) })
	case job.StartExec:
		e.Job.Attempt = max(e.Job.Attempt, 1)
		s.after(func() { s.startExec(e) })
	case job.Extend:
		s.after(func() { s.extendExec(e.Job, e.Expiration) })
	case job.RunProlog:
		s.after(func() { s.runPerilog(e.Job, perilog.Prolog) })
	case job.RunEpilog:
		s.after(func() { s.runPerilog(e.Job, perilog.Epilog) })
	case job.StopPerilog:
		s.after(func() { s.stopPerilog(e.Job) })
	case job.HandOver:
		s.handOver(e.Job)
	case job.Free:
		// Not behind the commit, which a core need not wait for: whatever the
		// scheduler does with it is stored behind the end of this job, if at all.
		s.free(e.ID, e.R, true)
	case job.Retire:
		s.retire(e.Job)
	}
}

func (s *jobs) recordEvent(e job.Logged) {
	j, id := e.Job, uint64(e.Job.ID)
	r := s.records[j.ID]
	if !r.stored {
		r.stored = true
		s.batch.PutJob(&store.Job{
			ID: id, UserID: j.UserID, Urgency: j.Urgency, Flags: int(j.Flags), TSubmit: j.TSubmit,
			Fields: documents(j),
		})
	}
	if e.Entry.Name == "alloc" {
		s.batch.SetField(id, "R", j.R)
	}
	s.batch.AppendEvents(id, e.Line)
	queue := j.Facts().Queue
	s.stats.moved(&r.counted, j, queue)
	s.statsMoved()
	s.behind(s.followed(j.ID, r) || e.Entry.Name == "exception", func() {
		s.journal.event(j, e.Entry)
		s.watch.event(j.ID, "eventlog", e.Line)
		s.updated(j, e.Entry)
		s.announce(j, e)
		s.reached(j)
	})
}

// followed tells whether somebody waits for what happens to a job.
func (s *jobs) followed(id jobid.ID, r *record) bool {
	return r.waiting != nil || s.zombies[id] != nil && len(s.waiters) > 0 || len(s.watch.byJob[id]) > 0 ||
		len(s.pending[id]) > 0 || len(s.updates.byJob[id]) > 0 || s.journal.streams.Len() > 0
}

// announce publishes what others listen for.
func (s *jobs) announce(j *job.Job, e job.Logged) {
	if e.Entry.Name != "exception" {
		return
	}
	var x rpc.JobException
	if message.Unmarshal(e.Entry.Context, &x) == nil {
		x.ID = j.ID
		s.h.Publish("job-exception", x)
	}
}

// retire stores the record of a job that has ended and forgets the job.
func (s *jobs) retire(j *job.Job) {
	r := s.records[j.ID]
	delete(s.records, j.ID)
	s.finish(j, r)
	drained := len(s.drain) > 0 && s.m.Len() == 0 || len(s.idle) > 0
	s.behind(drained || s.followed(j.ID, r), func() {
		s.watchersEnded(j.ID)
		s.endWait(j, r)
		s.checkDrained()
	})
}
