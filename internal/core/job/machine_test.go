// SPDX-License-Identifier: LGPL-3.0-or-later

package job

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"goflux/eventlog"
	"goflux/jobid"
	"goflux/jobspec"
)

const request = `{"version":1,"resources":[{"type":"slot","count":1,"with":[{"type":"core","count":1}],"label":"task"}],` +
	`"tasks":[{"command":["true"],"slot":"task","count":{"per_slot":1}}],"attributes":{"system":{"duration":0}}}`

const someR = `{"version":1,"execution":{"R_lite":[{"rank":"0","children":{"core":"0"}}],"starttime":0.0,"expiration":0.0,"nodelist":["h"]}}`

// world plays the scheduler and the execution service and keeps the time.
type world struct {
	t       interface{ Fatalf(string, ...any) }
	m       *Machine
	now     float64
	nextID  jobid.ID
	out     []string
	asked   map[jobid.ID]*Job // with the scheduler
	running map[jobid.ID]*Job // with the execution service
	held    map[jobid.ID]bool // has resources
	retired []*Job
	again   bool // an execution service was told so of the last start
}

func newWorld(t interface{ Fatalf(string, ...any) }) *world {
	return &world{
		t: t, m: NewMachine(NewQueues()), now: 1, nextID: 1,
		asked: map[jobid.ID]*Job{}, running: map[jobid.ID]*Job{}, held: map[jobid.ID]bool{},
	}
}

func (w *world) tick() float64 { w.now++; return w.now }

func (w *world) submit(urgency int, deps ...Dependency) *Job {
	return w.submitAs(&Submission{UserID: 1000, Urgency: urgency, Dependencies: deps})
}

func (w *world) submitAs(s *Submission) *Job {
	spec, err := jobspec.Parse([]byte(request))
	if err != nil {
		w.t.Fatalf("jobspec: %v", err)
	}
	j := &Job{ID: w.nextID, Request: []byte(request), Jobspec: spec}
	w.nextID++
	if s.Bypass {
		if err := spec.SetAttr(BypassAttr, []byte(someR)); err != nil {
			w.t.Fatalf("%v", err)
		}
	}
	w.m.Add(w.tick(), j, s)
	w.step()
	return j
}

// step carries out the effects the way the services do and notes them.
func (w *world) step() {
	for _, e := range w.m.Effects() {
		switch e := e.(type) {
		case Logged:
			w.note("%d %s", e.Job.ID, e.Entry.Name)
			if e.Job.Bypass && (e.Entry.Name == "alloc" || e.Entry.Name == "free") {
				w.held[e.Job.ID] = e.Entry.Name == "alloc"
				if !w.held[e.Job.ID] {
					delete(w.held, e.Job.ID)
				}
			}
		case RequestAlloc:
			w.note("%d -> alloc", e.Job.ID)
			if w.asked[e.Job.ID] != nil || w.held[e.Job.ID] || e.Job.Bypass {
				w.t.Fatalf("job %d asks for resources twice", e.Job.ID)
			}
			w.asked[e.Job.ID] = e.Job
		case CancelAlloc:
			w.note("%d -> cancel", e.ID)
			if w.asked[e.ID] == nil {
				w.t.Fatalf("job %d: nothing to cancel", e.ID)
			}
		case Prioritize:
			w.note("%d -> priority %d", e.ID, e.Priority)
		case StartExec:
			w.note("%d -> start", e.Job.ID)
			if w.running[e.Job.ID] != nil || !w.held[e.Job.ID] {
				w.t.Fatalf("job %d is started twice or without resources", e.Job.ID)
			}
			w.running[e.Job.ID], w.again = e.Job, e.Again
		case Free:
			w.note("%d -> free", e.ID)
			if !w.held[e.ID] || w.running[e.ID] != nil {
				w.t.Fatalf("job %d frees what it has not, or uses", e.ID)
			}
			delete(w.held, e.ID)
		case RunProlog:
			w.note("%d -> prolog", e.Job.ID)
		case RunEpilog:
			w.note("%d -> epilog", e.Job.ID)
		case StopPerilog:
			w.note("%d -> stop", e.Job.ID)
		case HandOver:
			w.note("%d -> housekeeping", e.Job.ID)
			if !w.held[e.Job.ID] || w.running[e.Job.ID] != nil {
				w.t.Fatalf("job %d hands over what it has not, or uses", e.Job.ID)
			}
			delete(w.held, e.Job.ID)
		case Retire:
			w.note("%d -> retire", e.Job.ID)
			w.retired = append(w.retired, e.Job)
		}
	}
}

func (w *world) note(format string, args ...any) { w.out = append(w.out, fmt.Sprintf(format, args...)) }

func (w *world) alloc(j *Job) {
	delete(w.asked, j.ID)
	w.held[j.ID] = true
	if w.m.Job(j.ID) == nil {
		w.m.AnsweredLate(w.tick(), j.ID, []byte(someR))
	} else {
		w.m.Allocated(w.tick(), j, []byte(someR), nil)
	}
	w.step()
}

func (w *world) end(j *Job, status int) {
	w.m.ExecFinished(w.tick(), j, status)
	delete(w.running, j.ID)
	w.m.ExecReleased(w.tick(), j, "all", true)
	w.step()
}

func (w *world) took(t *testing.T, want string) {
	t.Helper()
	got := strings.Join(w.out, "\n")
	w.out = nil
	if want = strings.ReplaceAll(strings.TrimSpace(want), "\t", ""); got != want {
		t.Errorf("steps differ (-want +got):\n%s", cmp.Diff(want, got))
	}
}

func TestLife(t *testing.T) {
	w := newWorld(t)
	w.m.SchedulerReady(w.tick(), -1)
	w.m.ExecReady(1)
	j := w.submit(16)
	w.took(t, `1 submit
		1 validate
		1 depend
		1 priority
		1 -> alloc`)
	w.alloc(j)
	w.took(t, "1 alloc\n1 -> start")
	w.m.ExecStarted(w.tick(), j)
	w.step()
	w.end(j, 0)
	w.took(t, "1 start\n1 finish\n1 release\n1 free\n1 -> free\n1 clean\n1 -> retire")
	if !j.Success() || j.State != Inactive {
		t.Errorf("state %s result %s", j.State, j.Result())
	}
}

func TestHoldAndRelease(t *testing.T) {
	w := newWorld(t)
	w.m.SchedulerReady(w.tick(), -1)
	j := w.submit(0)
	w.took(t, "1 submit\n1 validate\n1 depend\n1 priority")
	w.m.SetUrgency(w.tick(), j, 1000, 16)
	w.step()
	w.took(t, "1 urgency\n1 priority\n1 -> alloc")
	w.m.SetUrgency(w.tick(), j, 1000, 0)
	w.step()
	w.took(t, "1 urgency\n1 priority\n1 -> cancel")
	delete(w.asked, j.ID)
	w.m.AllocCanceled(w.tick(), j)
	w.step()
	w.took(t, "")
}

func TestCancelWhilePending(t *testing.T) {
	w := newWorld(t)
	w.m.SchedulerReady(w.tick(), -1)
	j := w.submit(16)
	w.out = nil
	w.m.Annotated(j, map[string]any{"sched": map[string]any{"reason_pending": "x"}, "user": "y"})
	w.m.Raise(w.tick(), j, Exception{Type: "cancel"})
	w.step()
	w.took(t, "1 exception\n1 -> cancel\n1 clean\n1 -> retire")
	if len(j.Annotations) != 1 || j.Annotations["user"] != "y" {
		t.Errorf("annotations %v", j.Annotations)
	}
	if n := w.m.Asked(); n != 1 {
		t.Errorf("%d requests are with the scheduler", n)
	}
	delete(w.asked, j.ID)
	w.m.AnsweredLate(w.tick(), j.ID, nil)
	w.step()
	w.took(t, "")
	if n := w.m.Asked(); n != 0 {
		t.Errorf("%d requests are with the scheduler", n)
	}
	if j.Result() != Canceled {
		t.Errorf("result %s", j.Result())
	}
}

// The scheduler's success crosses the cancellation: the resources go back.
func TestAllocCrossesCancel(t *testing.T) {
	w := newWorld(t)
	w.m.SchedulerReady(w.tick(), -1)
	j := w.submit(16)
	w.m.Raise(w.tick(), j, Exception{Type: "cancel"})
	w.step()
	w.out = nil
	w.alloc(j)
	w.took(t, "1 -> free")
}

// With one request at a time a better job takes the place of a worse one.
func TestLimitMakesRoom(t *testing.T) {
	w := newWorld(t)
	w.m.SchedulerReady(w.tick(), 1)
	a := w.submit(8)
	w.submit(20)
	w.took(t, "1 submit\n1 validate\n1 depend\n1 priority\n1 -> alloc\n2 submit\n2 validate\n2 depend\n2 priority\n1 -> cancel")
	delete(w.asked, a.ID)
	w.m.AllocCanceled(w.tick(), a)
	w.step()
	w.took(t, "2 -> alloc")
}

func (w *world) cancel(j *Job) {
	w.m.Raise(w.tick(), j, Exception{Type: "cancel"})
	w.step()
}

func after(kind dependencyKind, on *Job) Dependency {
	return Dependency{Description: fmt.Sprintf("after-%d=%d", kind, on.ID), kind: kind, on: on.ID}
}

func TestAfter(t *testing.T) {
	for _, tc := range []struct {
		kind       dependencyKind
		ok, failed bool // whether a job that ends so satisfies it
		canceled   bool
	}{
		{afterStart, true, true, false},
		{afterAny, true, true, true},
		{afterOK, true, false, false},
		{afterNotOK, false, true, false},
		{afterExcept, false, false, false},
	} {
		for how, want := range map[string]bool{"ok": tc.ok, "failed": tc.failed, "canceled": tc.canceled} {
			w := newWorld(t)
			w.m.SchedulerReady(w.tick(), -1)
			w.m.ExecReady(1)
			first := w.submit(16)
			second := w.submit(16, after(tc.kind, first))
			if second.State != Depend {
				t.Fatalf("kind %d: did not wait", tc.kind)
			}
			if l := w.m.Waiting(); len(l) != 1 || l[0].On != first.ID || l[0].Job != second.ID || l[0].Description != second.Dependencies[0] {
				t.Errorf("kind %d: waiting: %+v", tc.kind, l)
			}
			if how == "canceled" {
				w.cancel(first)
				delete(w.asked, first.ID)
				w.m.AllocCanceled(w.tick(), first)
			} else {
				w.alloc(first)
				w.m.ExecStarted(w.tick(), first)
				w.end(first, map[string]int{"ok": 0, "failed": 256}[how])
			}
			w.step()
			if l := w.m.Waiting(); len(l) != 0 {
				t.Errorf("kind %d after %s: still waiting: %+v", tc.kind, how, l)
			}
			if got := second.Exception == nil && second.State == Sched; got != want {
				t.Errorf("kind %d after %s: state %s, exception %v", tc.kind, how, second.State, second.Exception)
			}
		}
	}
}

func TestBeginTime(t *testing.T) {
	w := newWorld(t)
	j := w.submit(16, Dependency{Description: "begin-time=100.000", kind: beginTime, at: 100})
	if at, ok := w.m.NextBegin(); !ok || at != 100 {
		t.Fatalf("next begin %v %v", at, ok)
	}
	w.m.Tick(99)
	if j.State != Depend {
		t.Fatal("went on too early")
	}
	w.m.Tick(100)
	if _, ok := w.m.NextBegin(); j.State != Sched || ok {
		t.Errorf("state %s", j.State)
	}
}

func TestSingleton(t *testing.T) {
	w := newWorld(t)
	w.m.SchedulerReady(w.tick(), -1)
	single := Dependency{Description: "singleton", kind: singleton}
	a, b, c := w.submit(16, single), w.submit(16, single), w.submit(16, single)
	if a.State != Sched || b.State != Depend || c.State != Depend {
		t.Fatalf("%s %s %s", a.State, b.State, c.State)
	}
	w.cancel(b)
	w.cancel(a)
	delete(w.asked, a.ID)
	w.m.AllocCanceled(w.tick(), a)
	w.step()
	if b.State != Inactive || c.State != Sched {
		t.Errorf("after the first has ended: %s %s", b.State, c.State)
	}
}

func TestStoppedQueueTakesRequestsBack(t *testing.T) {
	w := newWorld(t)
	w.m.SchedulerReady(w.tick(), -1)
	j := w.submit(16)
	w.out = nil
	w.m.Queues().Get("").Started = false
	w.m.QueuesChanged(w.tick())
	w.step()
	w.took(t, "1 -> cancel")
	delete(w.asked, j.ID)
	w.m.AllocCanceled(w.tick(), j)
	w.step()
	w.took(t, "")
	w.m.Queues().Get("").Started = true
	w.m.QueuesChanged(w.tick())
	w.step()
	w.took(t, "1 -> alloc")
}

// What a scheduler says about a request that was taken back is not kept.
func TestLateAnnotation(t *testing.T) {
	w := newWorld(t)
	w.m.SchedulerReady(w.tick(), 1)
	j := w.submit(16)
	if !w.m.Annotated(j, map[string]any{"sched": "soon"}) {
		t.Error("annotation of a pending request refused")
	}
	w.m.SetUrgency(w.tick(), j, 1000, UrgencyHold)
	w.step()
	if w.m.Annotated(j, map[string]any{"sched": "late"}) || j.Annotations["sched"] != "soon" {
		t.Errorf("late annotation kept: %v", j.Annotations)
	}
	w.m.AllocCanceled(w.tick(), j)
	if w.m.Annotated(j, map[string]any{"sched": "late"}) || j.Annotations != nil {
		t.Errorf("after the cancellation: %v", j.Annotations)
	}
}

func TestApplyRefuses(t *testing.T) {
	for _, log := range []string{
		`{"timestamp":1.0,"name":"validate"}`,
		submitLine + `{"timestamp":2.0,"name":"alloc"}`,
		submitLine + `{"timestamp":2.0,"name":"validate"}` + "\n" + `{"timestamp":3.0,"name":"validate"}`,
		submitLine + `{"timestamp":2.0,"name":"clean"}`,
		submitLine + `{"timestamp":2.0,"name":"free"}`,
		submitLine + submitLine,
	} {
		j := &Job{ID: 7}
		if err := j.Replay([]byte(strings.TrimSuffix(log, "\n") + "\n")); err == nil {
			t.Errorf("accepted:\n%s", log)
		}
	}
}

const submitLine = `{"timestamp":1.0,"name":"submit","context":{"userid":1,"urgency":16,"flags":0,"version":1}}` + "\n"

// Whatever happens in whatever order: every job ends once, its log is a legal
// walk, and replaying the log gives the live job.
func TestRandomLives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		limit := rapid.SampledFrom([]int{-1, 1, 2}).Draw(t, "limit")
		w.m.SchedulerReady(w.tick(), limit)
		w.m.ExecReady(1)
		all := map[jobid.ID]*Job{}
		n := rapid.IntRange(5, 60).Draw(t, "steps")
		for range n {
			w.random(t, all, limit)
		}
		w.drain(limit)
		if w.m.Len() != 0 || len(w.retired) != len(all) || len(w.held) != 0 {
			t.Fatalf("%d active, %d of %d retired, %d hold resources", w.m.Len(), len(w.retired), len(all), len(w.held))
		}
		for _, j := range all {
			checkReplay(t, j)
		}
		for s := New; s <= Inactive; s *= 2 {
			if w.m.Count(s) != 0 {
				t.Fatalf("count of %s is %d", s, w.m.Count(s))
			}
		}
	})
}

func (w *world) random(t *rapid.T, all map[jobid.ID]*Job, limit int) {
	one := func(set map[jobid.ID]*Job) *Job {
		if len(set) == 0 {
			return nil
		}
		ids := make([]jobid.ID, 0, len(set))
		for id := range set {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		return set[rapid.SampledFrom(ids).Draw(t, "job")]
	}
	switch rapid.IntRange(0, 10).Draw(t, "what") {
	case 0, 1:
		s := &Submission{
			UserID: 1000, Urgency: rapid.SampledFrom([]int{0, 8, 16, 31}).Draw(t, "urgency"),
			Flags: rapid.SampledFrom([]Flag{0, FlagDebug}).Draw(t, "flags"),
			Hold:  rapid.IntRange(0, 9).Draw(t, "hold") == 0, Bypass: rapid.IntRange(0, 4).Draw(t, "bypass") == 0,
		}
		if on := one(all); on != nil && on.State != Inactive && rapid.Bool().Draw(t, "depends") {
			s.Dependencies = []Dependency{{
				Description: "on", on: on.ID, kind: dependencyKind(rapid.IntRange(0, int(afterExcept)).Draw(t, "kind")),
			}}
		}
		j := w.submitAs(s)
		all[j.ID] = j
	case 2, 3:
		if j := one(w.asked); j != nil {
			w.alloc(j)
		}
	case 4:
		if j := one(w.asked); j != nil {
			delete(w.asked, j.ID)
			if j.run.canceling {
				w.m.AllocCanceled(w.tick(), j)
			} else {
				w.m.Denied(w.tick(), j, "no")
			}
		}
	case 5:
		if j := one(w.running); j != nil {
			w.m.ExecStarted(w.tick(), j)
		}
	case 6:
		if j := one(w.running); j != nil {
			w.end(j, rapid.SampledFrom([]int{0, 256, 9}).Draw(t, "status"))
		}
	case 7:
		if j := one(all); j != nil && j.State != Inactive {
			w.m.Raise(w.tick(), j, Exception{Type: "cancel", Severity: rapid.IntRange(0, 1).Draw(t, "severity")})
		}
	case 8:
		if j := one(all); j != nil && j.State&Pending != 0 {
			w.m.SetUrgency(w.tick(), j, 1000, rapid.IntRange(0, 31).Draw(t, "urgency"))
		}
	case 9:
		w.asked = map[jobid.ID]*Job{}
		w.m.SchedulerGone(w.tick())
		w.m.SchedulerReady(w.tick(), limit)
	case 10:
		w.running = map[jobid.ID]*Job{}
		w.m.ExecGone(w.tick(), "gone")
		w.m.ExecReady(w.tick())
	}
	w.step()
}

// drain answers everything until no job is left.
func (w *world) drain(int) {
	for range 1000 {
		if w.m.Len() == 0 {
			return
		}
		for _, j := range w.asked {
			delete(w.asked, j.ID)
			if j.run.canceling {
				w.m.AllocCanceled(w.tick(), j)
			} else {
				w.held[j.ID] = true
				w.m.Allocated(w.tick(), j, []byte(someR), nil)
			}
			w.step()
		}
		for _, j := range w.running {
			w.end(j, 0)
		}
		for j := range w.m.Jobs {
			if j.State == Sched && j.Priority == 0 {
				w.m.Raise(w.tick(), j, Exception{Type: "cancel"})
			}
		}
		w.step()
	}
}

// checkOrder: the times in a log tell its order.
func checkOrder(t interface{ Fatalf(string, ...any) }, j *Job) {
	entries, err := eventlog.Parse(j.Log)
	if err != nil {
		t.Fatalf("%v", err)
	}
	for i := 1; i < len(entries); i++ {
		if entries[i-1].Timestamp >= entries[i].Timestamp {
			t.Fatalf("event %d is not after the one before it:\n%s", i, j.Log)
		}
	}
}

// A clock that is set back does not bring a log into disorder.
func TestClockSetBack(t *testing.T) {
	w := newWorld(t)
	w.now = 1000
	j := w.submit(UrgencyDefault)
	w.m.Raise(1, j, Exception{Type: "cancel"})
	w.step()
	if j.State != Inactive || j.TInactive <= j.TCleanup || j.TCleanup <= j.TSubmit {
		t.Errorf("submitted %v, canceled %v, inactive %v in state %s", j.TSubmit, j.TCleanup, j.TInactive, j.State)
	}
	checkOrder(t, j)
}

func checkReplay(t *rapid.T, j *Job) {
	checkOrder(t, j)
	spec, _ := jobspec.Parse([]byte(request))
	again := &Job{ID: j.ID, Request: j.Request, Jobspec: spec, R: j.R, Attempt: j.Attempt}
	if err := again.Replay(j.Log); err != nil {
		t.Fatalf("%v\n%s", err, j.Log)
	}
	if d := cmp.Diff(j, again, cmpopts.IgnoreUnexported(Job{}), cmpopts.IgnoreFields(Job{}, "Jobspec", "Annotations"), cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("replay differs from the live job:\n%s\n%s", d, j.Log)
	}
}

// TestExecGoneBeforeStart: the first request after the execution service has
// left is lost; canceling that job must not wait for an answer.
func TestExecGoneBeforeStart(t *testing.T) {
	w := newWorld(t)
	w.m.SchedulerReady(w.tick(), -1)
	w.m.ExecReady(1)
	j := w.submit(16)
	w.alloc(j)
	w.running = map[jobid.ID]*Job{}
	w.m.ExecGone(w.tick(), "gone")
	w.step()
	if j.Freed {
		t.Error("freed though it may still run")
	}
	w.m.Raise(w.tick(), j, Exception{Type: "cancel"})
	w.step()
	if !j.Freed || j.State != Inactive {
		t.Errorf("canceled: freed %v, state %v", j.Freed, j.State)
	}
}

// restarted is a world after a restart, in which there is j as it was.
func restarted(t *testing.T, j *Job, site Site) (*world, *Job) {
	t.Helper()
	again := &Job{ID: j.ID, Request: j.Request, Jobspec: j.Jobspec, R: j.R}
	if err := again.Replay(j.Log); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.held[j.ID] = true
	w.m.SetSite(site)
	w.m.Restore(again)
	return w, again
}

// An execution service is told when another one may have begun to start a job:
// one that has left, or that of an earlier instance.
func TestStartedAgain(t *testing.T) {
	w := newWorld(t)
	w.m.SchedulerReady(w.tick(), -1)
	w.m.ExecReady(1)
	j := w.submit(16)
	w.alloc(j)
	if w.again {
		t.Error("the first start is said to be another")
	}
	w.running = map[jobid.ID]*Job{}
	w.m.ExecGone(w.tick(), "gone")
	w.m.ExecReady(w.tick())
	if w.step(); !w.again {
		t.Error("the next service is not told")
	}
	w, _ = restarted(t, j, Site{})
	w.m.ExecReady(w.tick())
	if w.step(); !w.again {
		t.Error("the next instance's service is not told")
	}
}

// After a restart, a job that ends is not over before an execution service has
// looked for what runs of it, though its start is not on record.
func TestEndOfWhatMayRun(t *testing.T) {
	w := newWorld(t)
	w.m.SchedulerReady(w.tick(), -1)
	w.m.ExecReady(1)
	j := w.submit(16)
	w.alloc(j)
	w.m.Raise(w.tick(), j, Exception{Type: "cancel"})
	w, restored := restarted(t, j, Site{})
	w.m.Resume(w.tick())
	if w.step(); restored.Freed {
		t.Error("freed before anybody has looked")
	}
	w.m.ExecReady(w.tick())
	if w.step(); restored.Freed || !w.again || !restored.run.executing {
		t.Errorf("freed: %v, told that it may run: %v", restored.Freed, w.again)
	}
	w.running = map[jobid.ID]*Job{}
	w.m.ExecReleased(w.tick(), restored, "all", true)
	if w.step(); !restored.Freed || restored.State != Inactive {
		t.Errorf("freed: %v, state %v", restored.Freed, restored.State)
	}
}

// A job that is canceled while it waits is not remembered by what it waits for.
func TestCanceledWhileItWaits(t *testing.T) {
	w := newWorld(t)
	first := w.submit(16)
	waits := after(afterOK, first)
	begins := Dependency{kind: beginTime, Description: "begin-time=1e9", at: 1e9}
	alone := Dependency{kind: singleton, Description: "singleton"}
	second := w.submit(16, waits, begins, alone)
	third := w.submit(16, alone, waits)
	if len(second.Dependencies) != 3 || len(third.Dependencies) != 2 {
		t.Fatalf("dependencies: %v, %v", second.Dependencies, third.Dependencies)
	}
	if l := w.m.Singletons(); len(l) != 1 || l[0].Count < 2 || !slices.Equal(l[0].Wait, []jobid.ID{second.ID, third.ID}) {
		t.Errorf("singletons: %+v", l)
	}
	for _, j := range []*Job{second, third} {
		w.m.Raise(w.tick(), j, Exception{Type: "cancel"})
		w.step()
	}
	if _, begins := w.m.NextBegin(); begins || len(w.m.deps.after)+len(w.m.deps.queues) != 0 {
		t.Errorf("remembered: %+v", w.m.deps)
	}
}
