// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"fmt"
	"syscall"
	"time"

	"goflux/eventlog"
	"goflux/idset"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/store"
	"goflux/internal/sys/locale"
	"goflux/jobid"
	"goflux/jobspec"
	"goflux/rset"
)

// Registration is the module job-exec.
func Registration() *service.Registration {
	return &service.Registration{
		Name: "job-exec", Methods: methods,
		New: func(h service.Host, list []string) (any, error) {
			args, err := moduleArgs(list)
			if err != nil {
				return nil, err
			}
			e := &exec{h: h, args: args, jobs: map[jobid.ID]*job{}, began: h.Now()}
			if e.term, err = nextTerm(h); err != nil {
				return nil, fmt.Errorf("job-exec: beginning a term: %w", err)
			}
			if err := e.Reconfigure(); err != nil {
				return nil, err
			}
			return e, nil
		},
	}
}

// nextTerm begins a term, which is durable before the first launch bears it.
// Without a store nothing outlives the process, and its start will do.
func nextTerm(h service.Host) (int64, error) {
	if st, ok := h.Shared("store").(*store.Store); ok {
		return st.NextTerm(h.Now())
	}
	return h.Now().Unix(), nil
}

// methods is the authorisation table of job-exec.
var methods = []service.Method{
	service.Deferred("job-exec.start", service.Owner, (*exec).start),
	service.Deferred("job-exec.shell-barrier", service.Guests, (*exec).enterBarrier),
	service.Deferred("job-exec.critical-ranks", service.Guests, (*exec).criticalRanks),
	service.Unary("job-exec.expiration", service.Owner, (*exec).expiration),
	service.Deferred("job-exec.claims", service.Owner, (*exec).claims),
	service.Deferred("job-exec.agent-hello", service.Owner, (*exec).agentHello),
	service.Unary("job-exec.override", service.Guests, (*exec).override),
}

type exec struct {
	args  map[string]any // the arguments it was loaded with; they override the configuration
	h     service.Host
	jobs  map[jobid.ID]*job
	began time.Time
	term  int64
	// launches is how many have been made in this term.
	launches uint64
	conf     config
	debug    int      // flags of module.debug
	whole    bool     // the list of jobs has all that an earlier service had
	early    []func() // what waits for that
}

// job is a job in execution.
type job struct {
	id       jobid.ID
	userid   uint32
	attempt  int
	call     *service.Call
	spec     *jobspec.Jobspec
	r        *rset.R
	raw      []byte // R as it came
	ranks    []uint32
	critical *idset.Set // of shell ranks; nil: all
	shells   map[uint32]*shell
	running  int // shells that have not ended
	pending  int // shells that have not started
	started  bool
	status   int  // the greatest wait status so far
	fatal    bool // an exception of severity zero was raised
	blame    *int // the status of the task that caused it, which counts then
	barrier  barrier
	reattach bool // an earlier service had it, and told of its start
	again    bool // one may have had it
	find     bool // it is not to be started: what has begun is to be found
	found    bool // one had it, and perhaps did not
	expire   service.Timer
	until    float64       // when that is, in seconds since the epoch; 0: never
	extra    float64       // seconds that the start took too long, for the job on top
	straggle service.Timer // for the shells that outlive the leader's
	killer   *killer
	over     bool // it is being reported
	guest    bool // it has a guest namespace
	mock     *mock
	bulk     bulk
}

// Start implements service.Starter: it says hello to the job manager.
func (e *exec) Start() {
	e.h.Subscribe("job-exception", e.exception)
	e.h.Request(service.Request{
		Topic: "job-manager.exec-hello", NodeID: message.NodeAny, Payload: rpc.ExecHello{Service: e.h.Name()},
	}, func(m *message.Message) {
		if err := m.Err(); err != nil {
			e.h.Fail(fmt.Errorf("job-manager.exec-hello: %w", err))
			return
		}
		e.h.SetRunning()
		e.recorded(false, func(err error) {
			if err != nil {
				e.h.Log().Error("the jobs of an earlier execution service are not known", "err", err)
				return
			}
			e.whole = true
			for _, fn := range e.early {
				fn()
			}
			e.early = nil
		})
	})
}

// recorded calls fn when all that the job manager was told before is durable,
// and all that it had to say before was heard: it answers in that order. An error
// says that it cannot answer. Where there is no hurry, it need not hasten that.
func (e *exec) recorded(mayWait bool, fn func(error)) {
	e.h.Request(service.Request{
		Topic: "job-manager.sync", NodeID: message.NodeAny, Payload: rpc.JobsSync{MayWait: mayWait},
	}, func(m *message.Message) { fn(m.Err()) })
}

// Stop implements service.Stopper: RFC 32's error response says that the
// service is gone.
func (e *exec) Stop() {
	for _, j := range e.jobs {
		j.call.Fail(syscall.ENOSYS)
	}
}

func (e *exec) start(c *service.Call, req *rpc.ExecStart) {
	j := &job{
		id: req.ID, userid: req.UserID, attempt: req.Attempt, call: c, spec: req.Jobspec, raw: req.R,
		shells: map[uint32]*shell{}, barrier: barrier{entered: map[uint32]*service.Call{}}, reattach: req.Reattach,
		again: req.Again, find: req.Reattach || req.Again && req.Ending != nil,
	}
	e.jobs[j.id] = j
	var err error
	if req.Jobspec == nil {
		err = fmt.Errorf("no jobspec")
	} else if j.r, err = rset.Parse(req.R); err != nil {
		err = fmt.Errorf("reading R: %w", err)
	} else if j.mock, err = mockOf(req.Jobspec); err != nil {
		err = fmt.Errorf("reading exec.test: %w", err)
	} else {
		j.bulk, err = bulkOf(req.Jobspec)
	}
	if err == nil && req.Critical != "" {
		j.critical, err = idset.Parse(req.Critical)
	}
	if err != nil {
		e.h.Log().Error("a job cannot be started", "jobid", locale.JobID(j.id), "err", err)
		e.fatalError(j, fmt.Sprintf("failed to initialize implementation: %v", err))
		e.finish(j)
		return
	}
	if !req.Reattach {
		j.extra = lateness(float64(e.h.Now().UnixNano())/1e9, j.r.StartTime, j.r.Expiration, e.conf.maxStartDelay)
	}
	if j.mock != nil {
		e.startMock(j, req)
		if req.Ending != nil && !j.over {
			e.except(j, req.Ending)
		}
		return
	}
	if !j.find && j.bulk.exception == "init" {
		e.fatalError(j, "mock init exception generated")
		e.finish(j)
		return
	}
	e.makeNamespace(j, req.Guest)
	e.launch(j)
	if !j.find && j.bulk.exception == "starting" {
		e.fatalError(j, "mock starting exception generated")
	}
	if req.Ending != nil {
		e.except(j, req.Ending)
	}
}

// launch has the job's shells started, or found again.
func (e *exec) launch(j *job) {
	if j.find {
		e.log(j, "reattach", nil)
	} else {
		e.log(j, "init", nil, "starting", nil)
	}
	program, _ := text(j.spec, "system.exec.job_shell")
	if program == "" {
		program = e.conf.shell
	}
	for rank := range j.r.Ranks().All() {
		j.ranks = append(j.ranks, rank)
	}
	j.running, j.pending = len(j.ranks), len(j.ranks)
	for i, rank := range j.ranks {
		sh := &shell{rank: rank, shellRank: i, unsure: j.again}
		j.shells[rank] = sh
		e.launchOn(j, sh, &rpc.AgentLaunch{
			ID: j.id, Attempt: j.attempt, Term: e.term, UserID: j.userid, ShellRank: i,
			Shell: program, Jobspec: j.spec, R: j.raw, Reattach: j.find, Again: j.again, Lasting: e.lasting(),
		})
	}
}

// lasting says whether the instance comes back after a restart.
func (e *exec) lasting() bool {
	dir, _ := e.h.Attr("statedir")
	cleanup, _ := e.h.Attr("statedir-cleanup")
	return dir != "" && cleanup != "1"
}

// finish ends the job's execution, when what its tasks left in the guest
// namespace is safe.
func (e *exec) finish(j *job) {
	if e.jobs[j.id] != j || j.over {
		return
	}
	j.over = true
	for _, t := range []service.Timer{j.expire, j.straggle} {
		if t != nil {
			t.Stop()
		}
	}
	j.killer.stop()
	j.barrier.fail(message.Errorf(syscall.ECANCELED, "the job is over"))
	e.closeNamespace(j, func() { e.report(j) })
}

// report tells how the job ended.
func (e *exec) report(j *job) {
	delete(e.jobs, j.id)
	if j.blame != nil {
		j.status = *j.blame
	}
	if j.started {
		e.log(j, "complete", map[string]any{"status": j.status}, "done", nil)
		e.respond(j, "finish", rpc.ExecData{Status: j.status})
	} else {
		e.log(j, "done", nil)
	}
	e.respond(j, "release", rpc.ExecData{Ranks: "all", Final: true})
	e.forget(j)
}

// forget tells the nodes that how their shells ended is on record, when it is.
func (e *exec) forget(j *job) {
	if len(j.ranks) == 0 {
		return
	}
	e.recorded(true, func(err error) {
		if err != nil {
			return
		}
		for _, rank := range j.ranks {
			e.h.Request(service.Request{
				Topic: "job-agent.forget", NodeID: rank, Payload: rpc.AgentForget{ID: j.id, Attempt: j.attempt},
			}, nil)
		}
	})
}

func (e *exec) respond(j *job, kind string, data rpc.ExecData) {
	j.call.Respond(&rpc.ExecResponse{ID: j.id, Type: kind, Data: data})
}

// fatalError raises an exec exception of severity zero, once.
func (e *exec) fatalError(j *job, note string) { e.fatal(j, "exec", note) }

func (e *exec) fatal(j *job, kind, note string) {
	if j.fatal {
		return
	}
	j.fatal = true
	e.respond(j, "exception", rpc.ExecData{Severity: 0, Type: kind, Note: note})
}

// log adds events to the job's execution event log: pairs of name and context.
func (e *exec) log(j *job, events ...any) {
	now := float64(e.h.Now().UnixMicro()) / 1e6
	var lines []byte
	for i := 0; i+1 < len(events); i += 2 {
		ent, err := eventlog.New(now, events[i].(string), events[i+1])
		if err != nil {
			e.h.Log().Error("execution event", "jobid", j.id, "err", err)
			continue
		}
		lines = ent.Append(lines)
	}
	e.h.Request(service.Request{
		Topic: "job-info.stream-append", NodeID: message.NodeAny,
		Payload: &rpc.JobStreamAppend{ID: j.id, Attempt: j.attempt, Stream: "exec", Data: string(lines)},
	}, nil)
}

// text reads a string attribute of a jobspec.
func text(spec *jobspec.Jobspec, path string) (string, bool) {
	var s string
	raw := spec.Attr(path)
	if raw == nil || message.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}
