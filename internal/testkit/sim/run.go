// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"sort"
	"strings"
	"time"

	"goflux/internal/message"
	"goflux/internal/rpc"
)

// Options say what is simulated. All but Detail and Dir is part of a history.
type Options struct {
	Seed    int64
	Brokers int
	Jobs    int
	// Calm is a history without faults.
	Calm bool
	// Fanout is how many children a broker has at most; 0 leaves it to the seed.
	Fanout int
	// Encode has payloads go between brokers as bytes, as over sockets.
	Encode bool
	// Think bounds what a user thinks between two requests, Longest is how
	// long a job runs at most. 0 for defaults.
	Think, Longest time.Duration
	// Users is how many there are; 0 for a default.
	Users int

	Detail io.Writer // is told everything, if it is not nil
	Dir    string    // for the disk; "" for a temporary one

	config map[string]any
}

// FromSeed is a history whose traits, too, are drawn from the seed.
func FromSeed(seed int64, brokers, jobs int) Options {
	traits := mix(uint64(seed) ^ 0x5eed)
	return Options{Seed: seed, Brokers: brokers, Jobs: jobs, Encode: traits%4 == 0}
}

func (o *Options) name() string { return fmt.Sprintf("%d", o.Seed) }

// Result is what a run has come to.
type Result struct {
	Options
	Err    error         // the promise that was broken
	Now    time.Duration // simulated
	Took   time.Duration // real
	Events int
	Trace  uint64 // of two runs of one seed, the same
	Ended  int    // jobs
	Faults map[string]int
	Log    []string // the last that the brokers logged
	Desk   string
}

// SimulatedPerReal is how many hours are simulated in a second.
func (r *Result) SimulatedPerReal() float64 { return r.Now.Hours() / r.Took.Seconds() }

// Replay is the command that lives the history again.
func (r *Result) Replay() string {
	return fmt.Sprintf("go run ./internal/testkit/sim/run -seed=%d -brokers=%d -jobs=%d", r.Seed, r.Brokers, r.Jobs)
}

func (r *Result) String() string {
	var faults []string
	for name, n := range r.Faults {
		faults = append(faults, fmt.Sprintf("%s %d", name, n))
	}
	sort.Strings(faults)
	s := fmt.Sprintf("seed %d: %d brokers, %d jobs ended, %.2f h simulated in %.2f s (%.2f h/s), %d events, trace %016x; %s\nfaults: %s",
		r.Seed, r.Brokers, r.Ended, r.Now.Hours(), r.Took.Seconds(), r.SimulatedPerReal(), r.Events, r.Trace, r.Desk, strings.Join(faults, ", "))
	if r.Err != nil {
		s += fmt.Sprintf("\nFAILED: %v\nreplay: %s", r.Err, r.Replay())
	}
	return s
}

// Bounds of a history, in simulated time.
const (
	workTime  = 6 * time.Hour    // for all jobs to be submitted
	restTime  = 12 * time.Hour   // for everything to come to rest after the faults
	afterwork = 2 * time.Minute  // the faults go on when all is submitted
	look      = 10 * time.Second // how often it is looked
	// In returnTime everybody is back that a fault has kept away: see kill,
	// slowestDiscovery. In quietTime nothing may happen to what has ended.
	returnTime = 200 * time.Second
	quietTime  = time.Minute
)

// Run lives a history.
func Run(o Options) *Result {
	began := time.Now()
	w, err := newWorld(o)
	if err != nil {
		return &Result{Options: o, Err: err, Took: time.Since(began)}
	}
	defer w.nodes[0].disk.remove()
	w.live()
	r := &Result{
		Options: o, Err: w.failure, Now: w.now, Took: time.Since(began), Events: w.events, Trace: w.trace,
		Ended: w.check.ended, Log: w.logged,
		Desk: fmt.Sprintf("%d submitted, %d refused, %d unanswered, %d other requests, %d writes",
			w.desk.asked, w.desk.refused, w.desk.unknown, w.desk.other, w.nodes[0].disk.writes),
	}
	if w.drills != nil {
		r.Faults = w.drills.counts
	}
	return r
}

// manyJobs are what takes a user a few minutes: there are users enough that it
// does not take all longer.
const manyJobs = 100

// memory is where files are in memory, where there is such a place.
const memory = "/dev/shm"

func newWorld(o Options) (*world, error) {
	w := &world{opt: o, detail: o.Detail, desk: &desk{left: o.Jobs}}
	w.opt.config = configuration(o.Brokers)
	traits := w.newActor()
	if w.opt.Fanout == 0 {
		w.opt.Fanout = []int{2, 8, 32, 0}[traits.intn(4)]
	}
	if w.opt.Think == 0 {
		w.opt.Think = longThought
	}
	if w.opt.Longest == 0 {
		w.opt.Longest = []time.Duration{time.Second, 20 * time.Second, 2 * time.Minute}[traits.intn(3)]
	}
	if w.opt.Users == 0 {
		w.opt.Users = o.Jobs/manyJobs + 1 + traits.intn(max(2, o.Jobs/20))
	}
	var err error
	if w.tree, err = newTree(w, o.Brokers, w.opt.Fanout); err != nil {
		return nil, err
	}
	w.check = newChecker(w)
	dir := o.Dir
	if _, err := os.Stat(memory); err == nil && dir == "" {
		dir = memory // the disk is simulated: no need to wait for one
	}
	dir, err = os.MkdirTemp(dir, "sim")
	if err != nil {
		return nil, err
	}
	for rank := range o.Brokers {
		n := &node{w: w, rank: uint32(rank), a: w.newActor()}
		n.procs = newProcesses(w, n)
		if rank == 0 {
			n.disk = &disk{w: w, n: n, a: w.newActor(), dir: dir}
			n.disk.quick = quickSyncs[n.disk.a.intn(len(quickSyncs))]
		}
		w.nodes = append(w.nodes, n)
	}
	return w, nil
}

// configuration is a system instance's: what there is is configured.
func configuration(brokers int) map[string]any {
	hosts := "node0"
	if brokers > 1 {
		hosts = fmt.Sprintf("node[0-%d]", brokers-1)
	}
	return map[string]any{"resource": map[string]any{
		"noverify": true,
		"config": []any{map[string]any{
			"hosts": hosts, "cores": fmt.Sprintf("0-%d", coresPerNode-1), "gpus": fmt.Sprintf("0-%d", gpusPerNode-1),
		}},
	}}
}

// live lives the history: the instance comes up, works among faults, and comes
// to rest.
func (w *world) live() {
	for _, n := range w.nodes {
		w.after(n.a, n.a.between(0, time.Second), n.start)
	}
	for range w.opt.Users {
		u := &user{w: w, a: w.newActor()}
		w.users = append(w.users, u)
		u.think()
	}
	w.admin = &admin{w: w, a: w.newActor(), nodes: map[uint32]string{}, notes: map[string]string{}, maybe: map[string]string{}, blur: map[uint32]bool{}}
	w.admin.think()
	if !w.opt.Calm {
		w.drills = w.startDrills()
	}
	for w.failure == nil && w.desk.left > 0 {
		if w.now > workTime {
			w.fail("after %v, %d jobs are still to be submitted", w.now, w.desk.left)
		}
		w.run(w.now + look)
	}
	w.run(w.now + afterwork)
	w.heal()
	w.comeToRest()
	if w.failure == nil {
		w.askNotes()
	}
	if w.failure == nil {
		w.check.rest()
	}
	if w.failure == nil {
		w.sameAfterRestart()
	}
}

// comeToRest waits for every job to end.
func (w *world) comeToRest() {
	limit := w.now + restTime
	w.run(w.now + returnTime)
	if w.failure == nil {
		w.admin.ask()
	}
	for w.failure == nil && !w.atRest() {
		if w.now > limit {
			w.fail("no rest %v after the faults: %s", restTime, w.check.active())
			return
		}
		w.release()
		w.undrain()
		w.run(w.now + look)
	}
	w.run(w.now + quietTime)
}

// until lets things happen until something is so, at most for so long.
func (w *world) until(most time.Duration, so func() bool) {
	for limit := w.now + most; w.failure == nil && w.now < limit && !so(); {
		w.run(w.now + time.Second)
	}
}

func (w *world) atRest() bool {
	return w.check.synced && w.check.ended == len(w.check.ids)
}

// undrain puts nodes to use again that were drained for what the faults did.
func (w *world) undrain() {
	b := w.nodes[0].broker
	if b == nil || !b.online {
		return
	}
	c := b.newClient()
	c.request("resource.status", nil, 0, func(m *message.Message) {
		var st rpc.ResourceStatus
		if m.Err() != nil || m.Decode(&st) != nil || len(st.Drain) == 0 {
			c.close()
			return
		}
		for ranks := range st.Drain {
			c.request("resource.undrain", rpc.ResourceDrain{Targets: ranks}, 0, func(*message.Message) {})
		}
		w.after(c.a, time.Second, c.close)
	})
}

// sameAfterRestart lists all jobs, restarts the leader, and lists them again.
func (w *world) sameAfterRestart() {
	before := w.list()
	if w.failure != nil {
		return
	}
	w.check.listed(before)
	w.nodes[0].kill(false)
	w.until(2*time.Minute, func() bool {
		b := w.nodes[0].broker
		return b != nil && b.online && w.check.synced
	})
	after := w.list()
	if w.failure != nil {
		return
	}
	w.check.listed(after)
	w.sameJobs(before, after)
}

// sameJobs holds two lists of all jobs to be the same but for their order.
func (w *world) sameJobs(before, after []map[string]any) {
	was := map[any]map[string]any{}
	for _, j := range before {
		was[j["id"]] = j
	}
	if len(before) != len(after) {
		w.fail("the leader shows %d jobs after a restart, and has shown %d before", len(after), len(before))
	}
	for _, j := range after {
		if old := was[j["id"]]; !reflect.DeepEqual(old, j) {
			w.fail("the leader shows another job after a restart:\n%v\nbefore:\n%v", j, old)
			return
		}
	}
}

// list is what job-list shows of all jobs.
func (w *world) list() (jobs []map[string]any) {
	b := w.nodes[0].broker
	if b == nil || !b.online {
		w.fail("there is no leader")
		return nil
	}
	c := b.newClient()
	answered := false
	c.request("job-list.list", rpc.JobList{Attrs: []string{"all"}}, 0, func(m *message.Message) {
		var l rpc.JobsListed
		err := m.Err()
		if err == nil {
			err = m.Decode(&l)
		}
		if err != nil {
			w.fail("job-list.list: %v", err)
		}
		answered, jobs = true, l.Jobs
	})
	w.until(30*time.Second, func() bool { return answered })
	if !answered {
		w.fail("job-list.list has not been answered")
	}
	return jobs
}
