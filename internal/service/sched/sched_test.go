// SPDX-License-Identifier: LGPL-3.0-or-later

package sched

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"goflux/flux"
	"goflux/internal/broker"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
	"goflux/jobspec"
	"goflux/rset"
)

const twoNodes = `{"version":1,"execution":{"R_lite":[{"rank":"0-1","children":{"core":"0-1"}}],` +
	`"starttime":0.0,"expiration":0.0,"nodelist":["fake[0-1]"]}}`

const oneCore = `{"version":1,"execution":{"R_lite":[{"rank":"%d","children":{"core":"%d"}}],` +
	`"starttime":0.0,"expiration":0.0,"nodelist":["fake%d"]}}`

// world plays the resource service and the job manager.
type world struct {
	acquire *service.Call
	hello   []rpc.SchedHelloJob
	early   []service.Request // sent before the hello is over
	ready   chan rpc.SchedReady
	raised  chan rpc.JobRaise
	gone    chan string
	answers chan rpc.SchedAllocResponse
	h       service.Host // the job manager's

	up        string // at first
	resources service.Host
}

func newWorld() *world {
	return &world{
		up: "0-1", ready: make(chan rpc.SchedReady, 10), raised: make(chan rpc.JobRaise, 10),
		gone: make(chan string, 10), answers: make(chan rpc.SchedAllocResponse, 100),
	}
}

func (w *world) resource() *service.Registration {
	return &service.Registration{
		Name: "resource",
		New:  func(h service.Host, _ []string) (any, error) { w.resources = h; return w, nil },
		Methods: []service.Method{
			service.Raw("resource.acquire", service.Owner, func(w *world, c *service.Call) {
				w.acquire = c
				c.Respond(rpc.ResourceAcquired{Resources: parse(twoNodes), Up: &w.up})
			}),
			service.Raw("resource.disconnect", service.Owner, func(w *world, c *service.Call) { w.gone <- c.Msg.Topic }),
		},
	}
}

func parse(s string) *rset.R {
	r, err := rset.Parse([]byte(s))
	if err != nil {
		panic(err)
	}
	return r
}

func (w *world) jobManager() *service.Registration {
	return &service.Registration{
		Name: "job-manager",
		New: func(h service.Host, _ []string) (any, error) {
			w.h = h
			h.OnResponse("sched.alloc", func(m *message.Message) {
				var r rpc.SchedAllocResponse
				if err := m.Decode(&r); err != nil {
					panic(err)
				}
				w.answers <- r
			})
			return w, nil
		},
		Methods: []service.Method{
			service.Deferred("job-manager.sched-hello", service.Owner, func(w *world, c *service.Call, _ *rpc.SchedHello) {
				for _, j := range w.hello {
					c.Respond(j)
				}
				for _, r := range w.early {
					w.request(r)
				}
				c.End()
			}),
			service.Unary("job-manager.sched-ready", service.Owner, func(w *world, _ *service.Call, r *rpc.SchedReady) (any, error) {
				w.ready <- *r
				return rpc.Count{}, nil
			}),
			service.Unary("job-manager.raise", service.Owner, func(w *world, _ *service.Call, r *rpc.JobRaise) (any, error) {
				w.raised <- *r
				return nil, nil
			}),
			service.Raw("job-manager.disconnect", service.Owner, func(w *world, c *service.Call) { w.gone <- c.Msg.Topic }),
		},
	}
}

// send makes the job manager send requests.
func (w *world) send(reqs ...service.Request) {
	w.h.Post(func() {
		for _, r := range reqs {
			w.request(r)
		}
	})
}

func (w *world) request(r service.Request) {
	r.NodeID, r.NoMatchtag = message.NodeAny, true
	w.h.Request(r, nil)
}

func alloc(id jobid.ID, priority int64, spec string) service.Request {
	j, err := jobspec.Parse([]byte(spec))
	if err != nil {
		panic(err)
	}
	return service.Request{Topic: "sched.alloc", Payload: &rpc.SchedAlloc{ID: id, Priority: priority, Jobspec: j}}
}

// cores is the jobspec of slots of one core each.
func cores(slots int, duration float64) string {
	return fmt.Sprintf(`{"resources":[{"type":"slot","count":%d,"with":[{"type":"core","count":1}],"label":"task"}],`+
		`"tasks":[{"command":["true"],"slot":"task","count":{"per_slot":1}}],"attributes":{"system":{"duration":%v}},"version":1}`, slots, duration)
}

type instance struct {
	t *testing.T
	w *world
	b *broker.Broker
	*flux.Client
	decisionsOnly bool // pass over annotations, which come in their own time
}

func start(t *testing.T, w *world, args ...string) *instance {
	t.Helper()
	attrs := broker.NewAttrs()
	uri := "local://" + filepath.Join(t.TempDir(), "local")
	attrs.Put("local-uri", uri)
	in := &instance{t: t, w: w, b: broker.New(broker.Options{Size: 1, Attrs: attrs, Stderr: io.Discard})}
	in.b.Online()
	t.Cleanup(in.b.Close)
	for _, r := range []*service.Registration{broker.ConnectorLocal(in.b), w.resource(), w.jobManager()} {
		if err := in.load(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := in.load(Simple(), args...); err != nil {
		t.Fatal(err)
	}
	c, err := flux.Open(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	in.Client = c
	return in
}

func (in *instance) load(r *service.Registration, args ...string) error {
	ready := make(chan error, 1)
	in.b.Modules().Load(r, r.Name, "builtin", args, func(err error) { ready <- err })
	return <-ready
}

// call makes an RPC and returns the answer as JSON, or "errno: text".
func (in *instance) call(topic string, req any) string {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), 20*time.Second)
	defer cancel()
	c, err := in.Go(topic, flux.NodeAny, req)
	if err == nil {
		var m *message.Message
		if m, err = c.Message(ctx); err == nil {
			if err = m.Err(); err == nil {
				return string(m.JSON())
			}
		}
	}
	return flux.Errno(err).Error() + ": " + flux.ErrorText(err)
}

func (in *instance) expect(topic string, req any, want string) {
	in.t.Helper()
	if got := in.call(topic, req); got != want {
		in.t.Errorf("%s %v:\n got %s\nwant %s", topic, req, got, want)
	}
}

// receive takes from a channel, within reason.
func receive[T any](t *testing.T, ch chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

var times = regexp.MustCompile(`"(starttime|expiration)":[0-9.]+`)

// answer is the next answer to sched.alloc, without times.
func (in *instance) answer() string {
	in.t.Helper()
	r := receive(in.t, in.w.answers)
	for in.decisionsOnly && r.Type == rpc.AllocAnnotate {
		r = receive(in.t, in.w.answers)
	}
	b, err := message.Marshal(r)
	if err != nil {
		in.t.Fatal(err)
	}
	return times.ReplaceAllString(string(b), `"$1":T`)
}

func (in *instance) answers(want ...string) {
	in.t.Helper()
	for _, w := range want {
		if got := in.answer(); got != w {
			in.t.Errorf("\n got %s\nwant %s", got, w)
		}
	}
}

func granted(id, rank, core int) string {
	return fmt.Sprintf(`{"id":%d,"type":0,"annotations":{"sched":{"resource_summary":"rank%d/core%d"}},`+
		`"R":{"version":1,"execution":{"R_lite":[{"rank":"%d","children":{"core":"%d"}}],"starttime":T,"expiration":T,"nslots":1,"nodelist":["fake%d"]}}}`,
		id, rank, core, rank, core, rank)
}

// A request that waits for nodes is granted when they come up.
func TestNodesComeUp(t *testing.T) {
	w := newWorld()
	w.up = "0"
	in := start(t, w, "mode=unlimited")
	in.decisionsOnly = true
	receive(t, w.ready)
	w.send(alloc(1, 16, cores(3, 0)), alloc(2, 16, cores(5, 0)))
	if got := in.answer(); !strings.HasPrefix(got, `{"id":2,"type":2,`) { // the other one waits
		t.Error(got)
	}
	w.resources.Post(func() {
		more := "1"
		w.acquire.Respond(rpc.ResourceAcquired{Up: &more})
	})
	if got := in.answer(); !strings.HasPrefix(got, `{"id":1,"type":0,`) {
		t.Error(got)
	}
}

func TestAllocAndFree(t *testing.T) {
	w := newWorld()
	// What comes in together is served together: by priority, not by arrival.
	w.early = []service.Request{alloc(1, 16, cores(1, 60)), alloc(2, 16, cores(1, 0)), alloc(3, 20, cores(1, 0))}
	in := start(t, w, "mode=unlimited")
	in.decisionsOnly = true
	if r := receive(t, w.ready); r.Mode != "unlimited" {
		t.Errorf("%+v", r)
	}
	in.answers(granted(3, 0, 0), granted(1, 1, 0), granted(2, 0, 1))
	w.send(alloc(4, 16, cores(2, 0)), alloc(5, 16, cores(1, 0)), alloc(6, 16, cores(5, 0)))
	in.expect("sched.resource-status", nil, `{"all":`+twoNodes+`,"down":{"version":1,"execution":{"R_lite":[],"starttime":0.0,"expiration":0.0,"nodelist":[""]}},`+
		`"allocated":{"version":1,"execution":{"R_lite":[{"rank":"0","children":{"core":"0-1"}},{"rank":"1","children":{"core":"0"}}],"starttime":0.0,"expiration":0.0,"nodelist":["fake[0-1]"]}}}`)
	w.send(service.Request{Topic: "sched.cancel", Payload: rpc.JobID{ID: 4}})
	in.answers(
		`{"id":6,"type":2,"note":"unsatisfiable request: need 5 slot(s) of 1 core(s), only 4 such slot(s) available (total cores: 4)"}`,
		`{"id":4,"type":3}`,
		granted(5, 1, 1))
	w.send(alloc(7, 16, cores(1, 0)), alloc(8, 16, cores(1, 0)))
	w.send(service.Request{Topic: "sched.prioritize", Payload: rpc.SchedPrioritize{Jobs: [][2]uint64{{8, 20}, {99, 1}}}})
	w.send(service.Request{Topic: "sched.free", Payload: &rpc.SchedFree{ID: 1, R: []byte(fmt.Sprintf(oneCore, 1, 0, 1)), Final: true}})
	if got := in.answer(); !strings.HasPrefix(got, `{"id":8,"type":0,`) {
		t.Error(got)
	}
	in.expect("sched.expiration", rpc.SchedExpiration{ID: 8, Expiration: 1e10}, "")
	in.expect("sched.expiration", rpc.SchedExpiration{ID: 77, Expiration: 1e10}, "no such file or directory: job ƒ2L has no allocation")
	if got := in.call("sched-simple.stats-get", nil); !strings.Contains(got, `"sched_delay":0.0,`) || !strings.HasSuffix(got, `"pending_jobs":1}`) {
		t.Error(got)
	}
	gone := make(chan error, 1)
	in.b.Modules().Remove("sched-simple", false, func(err error) { gone <- err })
	if err := receive(t, gone); err != nil {
		t.Error(err)
	}
	if a, b := receive(t, w.gone), receive(t, w.gone); a+" "+b != "resource.disconnect job-manager.disconnect" && b+" "+a != "resource.disconnect job-manager.disconnect" {
		t.Error(a, b)
	}
}

func TestHello(t *testing.T) {
	w := newWorld()
	w.hello = []rpc.SchedHelloJob{
		{ID: 1, R: []byte(fmt.Sprintf(oneCore, 0, 0, 0))},
		{ID: 2, R: []byte(fmt.Sprintf(oneCore, 0, 0, 0))}, // taken
		{ID: 3, R: []byte(fmt.Sprintf(oneCore, 7, 0, 7))}, // not there
		{ID: 4, R: []byte(fmt.Sprintf(oneCore, 1, 0, 1)), Free: "1"},
	}
	in := start(t, w)
	if r := receive(t, w.ready); r.Mode != "limited" || r.Limit != 8 {
		t.Errorf("%+v", r)
	}
	for _, id := range []jobid.ID{2, 3} {
		if r := receive(t, w.raised); r.ID != id || r.Type != "scheduler-restart" || r.Severity != 0 {
			t.Errorf("%+v", r)
		}
	}
	if got := in.call("sched.resource-status", nil); !strings.Contains(got, `"allocated":`+fmt.Sprintf(oneCore, 0, 0, 0)) {
		t.Error(got)
	}
}

func TestFeasibility(t *testing.T) {
	in := start(t, newWorld())
	check := func(spec string) string {
		j, err := jobspec.Parse([]byte(spec))
		if err != nil {
			t.Fatal(err)
		}
		return in.call("feasibility.check", rpc.FeasibilityCheck{Jobspec: j})
	}
	if got := check(cores(4, 0)); got != "" {
		t.Error(got)
	}
	if got := check(cores(5, 0)); got != "value too large for defined data type: unsatisfiable request: need 5 slot(s) of 1 core(s), only 4 such slot(s) available (total cores: 4)" {
		t.Error(got)
	}
	in.expect("feasibility.check", map[string]any{}, "protocol error: feasibility.check: jobspec is missing")
}

func TestDebugFlags(t *testing.T) {
	w := newWorld()
	in := start(t, w)
	receive(t, w.ready)
	set := func(flags int) {
		in.expect("sched-simple.debug", rpc.DebugRequest{Op: "set", Flags: flags}, fmt.Sprintf(`{"flags":%d}`, flags))
	}
	set(debugReasonPending)
	w.send(alloc(1, 16, cores(4, 0)), alloc(2, 16, cores(1, 0)), alloc(3, 16, cores(1, 0)))
	if got := in.answer(); !strings.HasPrefix(got, `{"id":1,"type":0,`) {
		t.Error(got)
	}
	in.answers(
		`{"id":2,"type":1,"annotations":{"sched":{"jobs_ahead":0,"reason_pending":"insufficient resources"}}}`,
		`{"id":3,"type":1,"annotations":{"sched":{"jobs_ahead":1,"reason_pending":"insufficient resources"}}}`)
	w.send(service.Request{Topic: "sched.free", Payload: &rpc.SchedFree{ID: 1, R: []byte(twoNodes), Final: true}})
	if got := in.answer(); !strings.Contains(got, `"sched":{"jobs_ahead":null,"reason_pending":null,"resource_summary":"rank0/core0"}`) {
		t.Error(got)
	}
	in.answer()
	set(debugFailAlloc | debugDenyExpiration)
	w.send(alloc(4, 16, cores(1, 0)))
	in.answers(`{"id":4,"type":2,"note":"DEBUG_FAIL_ALLOC"}`)
	in.expect("sched.expiration", rpc.SchedExpiration{ID: 2}, "invalid argument: Rejecting expiration update for testing")
}

// TestForecast: a pending job is told why it waits and when it may start.
func TestForecast(t *testing.T) {
	w := newWorld()
	in := start(t, w)
	receive(t, w.ready)
	w.send(alloc(1, 16, cores(4, 3600)), alloc(2, 16, cores(4, 3600)))
	in.answer()
	a := receive(t, w.answers)
	sched := a.Annotations["sched"].(map[string]any)
	at, _ := sched["t_estimate"].(float64)
	if now := float64(time.Now().Unix()); a.Type != rpc.AllocAnnotate || at < now+3000 || at > now+3700 {
		t.Errorf("%+v", a)
	}
	if reason, _ := sched["reason_pending"].(string); !strings.HasPrefix(reason, "insufficient resources: need 4 slot(s), 0 free, 4 in use") {
		t.Errorf("%+v", a)
	}
}

func TestArguments(t *testing.T) {
	for _, c := range []struct {
		args  string
		depth int
		want  string
	}{
		{"", 8, ""},
		{"queue-depth=3", 3, ""},
		{"mode=limited=5", 5, ""},
		{"mode=unlimited", 0, ""},
		{"log-level=debug", 8, ""},
		{"mode=foobar", 0, "mode"},
		{"mode=limited=-1", 0, "-1"},
		{"queue-depth=bogus", 0, "bogus"},
		{"log-level=bogus", 0, "log-level='bogus' is invalid"},
		{"log_level=debug", 0, "unknown argument 'log_level=debug'"},
	} {
		o, err := parseArgs(strings.Fields(c.args))
		switch {
		case c.want == "" && (err != nil || o.depth != c.depth):
			t.Errorf("%s: %+v, %v", c.args, o, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v", c.args, err)
		}
	}
}
