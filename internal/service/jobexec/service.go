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
	service.Unary("job-exec.critical-ranks", service.Guests, (*exec).criticalRanks),
	service.Unary("job-exec.expiration", service.Owner, (*exec).expiration),
	service.Unary("job-exec.claims", service.Owner, (*exec).claims),
	service.Deferred("job-exec.agent-hello", service.Owner, (*exec).agentHello),
	service.Unary("job-exec.override", service.Guests, (*exec).override),
}

type exec struct {
	args  map[string]any // the arguments it was loaded with; they override the configuration
	h     service.Host
	jobs  map[jobid.ID]*job
	began time.Time
	term  int64
	conf  config
	debug int      // flags of module.debug
	whole bool     // the list of jobs has all that an earlier service had
	early []func() // what waits for that: at most one of each node
}

// debugNoExpiration has updates of a job's time limit fail.
const debugNoExpiration = 1

// DebugFlags implements service.DebugWatcher.
func (e *exec) DebugFlags(flags int) { e.debug = flags }

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

type shell struct {
	rank      uint32
	shellRank int
	pid       int
	ended     bool
	away      time.Time // since when its node cannot be reached; zero: it can
	missed    int       // attempts to reach it since then
	unsure    bool      // a launch was lost on the way to its node, or back
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
		again: req.Again,
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
		e.startMock(j, req.Reattach)
		if req.Ending && !j.over {
			e.endMock(j, int(e.conf.termSignal))
		}
		return
	}
	if !req.Reattach && j.bulk.exception == "init" {
		e.fatalError(j, "mock init exception generated")
		e.finish(j)
		return
	}
	e.makeNamespace(j)
	e.launch(j, req.Reattach)
	if !req.Reattach && j.bulk.exception == "starting" {
		e.fatalError(j, "mock starting exception generated")
	}
	if req.Ending {
		e.end(j, e.conf.termSignal)
	}
}

// launch has the job's shells started, or found again.
func (e *exec) launch(j *job, reattach bool) {
	if reattach {
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
		sh := &shell{rank: rank, shellRank: i}
		j.shells[rank] = sh
		e.launchOn(j, sh, &rpc.AgentLaunch{
			ID: j.id, Attempt: j.attempt, Term: e.term, UserID: j.userid, ShellRank: i,
			Shell: program, Jobspec: j.spec, R: j.raw, Reattach: reattach, Lasting: e.lasting(),
		})
	}
}

// lasting says whether the instance comes back after a restart.
func (e *exec) lasting() bool {
	dir, _ := e.h.Attr("statedir")
	cleanup, _ := e.h.Attr("statedir-cleanup")
	return dir != "" && cleanup != "1"
}

// launchOn has one shell started, or found again.
func (e *exec) launchOn(j *job, sh *shell, req *rpc.AgentLaunch) {
	e.h.Request(service.Request{
		Topic: "job-agent.launch", NodeID: sh.rank, Flags: message.FlagStreaming, Payload: req,
	}, func(m *message.Message) {
		if err := m.Err(); err != nil && e.awaited(j, sh, err) {
			e.relaunch(j, sh, req)
			return
		}
		e.agentEvent(j, sh, m)
	})
}

func (e *exec) agentEvent(j *job, sh *shell, m *message.Message) {
	if sh.ended {
		return
	}
	if err := m.Err(); err != nil {
		e.shellLost(j, sh, err)
		return
	}
	var ev rpc.AgentEvent
	if err := m.Decode(&ev); err != nil {
		e.shellLost(j, sh, err)
		return
	}
	switch ev.Type {
	case "started":
		first := sh.pid == 0
		if sh.pid = ev.Pid; !sh.away.IsZero() {
			e.returned(j, sh)
		}
		if first {
			e.shellStarted(j, sh, j.reattach || ev.Found)
		}
	case "log":
		e.log(j, "log", map[string]any{
			"component": "flux-shell", "stream": ev.Stream, "rank": fmt.Sprint(sh.rank), "data": ev.Data,
		})
	case "exited":
		e.addRest(j, sh, ev.Rest)
		e.shellExited(j, sh, ev.Status)
	}
}

// addRest adds to the job's streams what a shell has left to be added. What is
// told again, because the leader has restarted since, is known by its number.
func (e *exec) addRest(j *job, sh *shell, rest []rpc.ShellRest) {
	for _, r := range rest {
		e.h.Request(service.Request{
			Topic: "job-info.stream-append", NodeID: message.NodeAny,
			Payload: &rpc.JobStreamAppend{
				ID: j.id, Attempt: j.attempt, Stream: r.Stream, Data: r.Data, Seq: r.Seq, Writer: sh.shellRank, Last: true,
			},
		}, nil)
	}
}

func (e *exec) shellStarted(j *job, sh *shell, found bool) {
	j.found = j.found || found
	if found && j.killer != nil { // it has not heard that
		e.signalShell(j, sh, e.conf.termSignal)
	}
	if j.pending--; j.pending > 0 || j.started {
		return
	}
	j.started = true
	if j.reattach {
		e.respond(j, "reattached", rpc.ExecData{})
	} else {
		e.respond(j, "start", rpc.ExecData{})
		e.log(j, "recoverable", nil)
	}
	e.armExpiration(j, j.r.Expiration)
}

func (e *exec) shellExited(j *job, sh *shell, status int) {
	if sh.shellRank == 0 {
		ctx := map[string]any{"rank": sh.rank, "wait_status": status}
		if active := j.activeRanks(sh); !active.Empty() {
			ctx["active_ranks"] = active.String()
		}
		e.log(j, "shell-exit", ctx)
		e.awaitStragglers(j)
	}
	j.status = max(j.status, status)
	e.checkBarrier(j, sh)
	if st := syscall.WaitStatus(status); st.Signaled() {
		e.shellKilled(j, sh, st.Signal())
	}
	e.ended(j, sh)
}

// shellKilled is a shell that a signal ended: it has not said goodbye to the
// leader, who would wait for it; and without its leader a job cannot go on.
func (e *exec) shellKilled(j *job, sh *shell, sig syscall.Signal) {
	text := fmt.Sprintf("shell rank %d (on %s): %s", sh.shellRank, j.r.Host(sh.rank), message.SignalText(sig))
	if sh.shellRank == 0 {
		e.fatalError(j, text)
		return
	}
	e.tellLost(j, sh, j.isCritical(sh), text)
}

// isCritical tells whether the job cannot do without a shell.
func (j *job) isCritical(sh *shell) bool {
	return j.critical == nil || j.critical.Contains(uint32(sh.shellRank))
}

// activeRanks are the ranks whose shells still run, but for one.
func (j *job) activeRanks(but *shell) *idset.Set {
	s := idset.New()
	for _, sh := range j.shells {
		if !sh.ended && sh != but {
			s.Add(sh.rank)
		}
	}
	return s
}

// shellLost is a shell that could not be started, or whose node is gone.
func (e *exec) shellLost(j *job, sh *shell, err error) {
	host := j.r.Host(sh.rank)
	switch errno := message.Errno(err); {
	case errno == syscall.EHOSTUNREACH:
		e.shellGone(j, sh, "")
		return
	case errno == syscall.ESRCH && !sh.away.IsZero():
		e.shellGone(j, sh, ": it came back without the job's shell")
		return
	case errno == syscall.ESRCH:
		e.fatalError(j, fmt.Sprintf("the job's shell is not on %s (rank %d) any more", host, sh.rank))
	case errno == syscall.ENOSYS:
		e.fatalError(j, fmt.Sprintf("job-agent service is not loaded on %s (rank %d)", host, sh.rank))
	default:
		e.fatalError(j, fmt.Sprintf("job shell exec error on broker %s (rank %d): %v", host, sh.rank, err))
	}
	j.status = max(j.status, 1<<8)
	e.ended(j, sh)
}

// shellGone is a shell that is lost with its node.
func (e *exec) shellGone(j *job, sh *shell, how string) {
	e.nodeFailed(j, sh, how)
	j.status = max(j.status, 1<<8)
	e.ended(j, sh)
}

// tellLost tells the leader shell, if there is one to tell.
func (e *exec) tellLost(j *job, sh *shell, critical bool, text string) {
	if sh.shellRank == 0 {
		return
	}
	severity := severityNotCritical
	if critical {
		severity = 0
	}
	e.h.Request(service.Request{
		Topic:   e.shellTopic(j, "exception"),
		NodeID:  j.ranks[0],
		Payload: rpc.ShellException{Type: "lost-shell", Severity: severity, ShellRank: sh.shellRank, Message: text},
	}, nil)
}

func (e *exec) ended(j *job, sh *shell) {
	sh.ended = true
	if sh.pid == 0 && j.pending > 0 {
		j.pending--
	}
	if j.running--; j.running == 0 {
		e.finish(j)
	}
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

// lateness is how long, in seconds, a job starts after its allocation, if that is
// more than the part of its duration, in percent, that it may lose; else 0. The
// times are seconds since the epoch, and an end of 0 is none.
func lateness(now, start, end, percent float64) float64 {
	late := now - start
	if start <= 0 || end <= start || late <= (end-start)*percent/100 {
		return 0
	}
	return late
}

// armExpiration sets the job's time limit, in seconds since the epoch; 0 is none.
func (e *exec) armExpiration(j *job, at float64) {
	if j.expire != nil {
		j.expire.Stop()
		j.expire = nil
	}
	if j.until = 0; at <= 0 {
		return
	}
	j.until = at + j.extra
	left := time.Duration((j.until - float64(e.h.Now().UnixNano())/1e9) * float64(time.Second))
	j.expire = e.h.After(max(left, 0), func() {
		e.respond(j, "exception", rpc.ExecData{Severity: 0, Type: "timeout", Note: "resource allocation expired"})
	})
}

func (e *exec) expiration(_ *service.Call, req *rpc.ExecExpiration) (any, error) {
	j := e.jobs[req.ID]
	if j == nil {
		return nil, syscall.ENOENT
	}
	if req.Expiration < 0 {
		return nil, message.Errorf(syscall.EINVAL, "invalid expiration")
	}
	if e.debug&debugNoExpiration != 0 {
		return nil, message.Errorf(syscall.EINVAL, "debug: no expiration is updated")
	}
	j.extra = 0 // who sets the end anew knows when the job has started
	e.armExpiration(j, req.Expiration)
	e.h.Log().Debug(fmt.Sprintf("updated expiration of %s to %.2f", locale.JobID(j.id), req.Expiration))
	return nil, nil
}

func (e *exec) criticalRanks(c *service.Call, req *rpc.CriticalRanks) (any, error) {
	j := e.jobs[req.ID]
	if j == nil {
		return nil, syscall.ENOENT
	}
	if err := c.Cred().Authorize(j.userid); err != nil {
		return nil, err
	}
	ranks, err := idset.Parse(req.Ranks)
	if err != nil {
		return nil, message.Errorf(syscall.EINVAL, "critical ranks: %v", err)
	}
	j.critical = ranks
	return nil, nil
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
