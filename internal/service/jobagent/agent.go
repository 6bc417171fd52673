// SPDX-License-Identifier: LGPL-3.0-or-later

package jobagent

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/install"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
)

// Registration is the module job-agent.
func Registration() *service.Registration { return On(newSystem) }

// On is the module on another kind of node than the one this process runs on:
// a simulated one.
func On(node func(service.Host) Node) *service.Registration {
	return &service.Registration{
		Name: "job-agent", Builtin: true,
		Methods: []service.Method{
			service.Deferred("job-agent.launch", service.Owner, (*agent).launch),
			service.Unary("job-agent.forget", service.Owner, (*agent).forget),
			service.Unary("job-agent.kill", service.Owner, (*agent).kill),
			service.Deferred("job-agent.next", service.Owner, (*agent).next),
		},
		New: func(h service.Host, _ []string) (any, error) {
			a := &agent{h: h, node: node(h), shells: map[jobid.ID]*shell{}, procs: map[int]*proc{}, unbegun: map[jobid.ID]int{}}
			var err error
			if a.cores, err = a.node.Cores(); err != nil { // the shells read the topology themselves
				h.Log().Warn("the node's topology is not known", "err", err)
			}
			// Where brokers do not return, no node comes back.
			a.known = !service.BrokersReturn(h) || a.node.Remembers(a.jobDirs())
			a.adopt()
			a.introduce()
			a.unclaimed()
			return a, nil
		},
	}
}

type agent struct {
	h      service.Host
	node   Node
	shells map[jobid.ID]*shell
	procs  map[int]*proc // processes of shells, by process id
	idle   []*proc       // those that wait for a job, the latest last
	term   int64         // the newest leader's
	// dismissed is called when all shells that have no job are gone, the
	// module being unloaded; gone says that it has been.
	dismissed func()
	gone      bool
	// unbegun are jobs that an earlier broker was given, and by their attempt:
	// it may have told that it started a shell, which began nothing.
	unbegun map[jobid.ID]int
	asking  bool // the leader is being asked about shells
	// known says that what an earlier agent did here is known, or of no account
	// to the leader, who is being told while greeting.
	known, greeting bool
	welcomed        rpc.AgentWelcome // by the leader, if it was told
	parked          []*parked
	polling         bool     // it is asked for the sake of parked launches
	cores           []string // the node's, which saves each shell from reading the topology
}

// shell is a shell that runs on this node.
type shell struct {
	id      jobid.ID
	attempt int
	dir     string
	logDir  string // where the shell's own prints are
	pid     int
	r       jsontext.Value // R of the job
	call    *service.Call  // who asked for it and is told how it ends
	// over says that it has ended, with status; it is kept until the leader
	// has recorded that.
	over   bool
	status int
	rest   []rpc.ShellRest
}

// StopAsync implements service.AsyncStopper. Shells that have a job go on.
func (a *agent) StopAsync(done func()) {
	a.dismiss(func() {
		a.node.Close()
		done()
	})
}

func (a *agent) launch(c *service.Call, req *rpc.AgentLaunch) {
	if err := a.check(c, req); err != nil {
		c.Fail(err)
		return
	}
	a.term = max(a.term, req.Term)
	// A launch that is asked for once more, by a leader that has restarted, is
	// the same launch: no job runs twice in one attempt.
	if s := a.shells[req.ID]; s != nil && req.Attempt <= s.attempt {
		s.call = c
		c.Respond(rpc.AgentEvent{Type: "started", Pid: s.pid, Found: true})
		if s.over {
			a.exited(s, s.status, s.rest)
		}
		return
	}
	unbegun, ok := a.unbegun[req.ID]
	delete(a.unbegun, req.ID)
	if req.Reattach && !(ok && unbegun == req.Attempt) {
		c.Fail(message.Errorf(syscall.ESRCH, "the job's shell is not on this node any more"))
		return
	}
	if !a.park(c, req) {
		a.begin(c, req)
	}
}

// begin starts a job's shell.
func (a *agent) begin(c *service.Call, req *rpc.AgentLaunch) {
	s, err := a.start(req)
	if err != nil {
		c.Fail(err)
		return
	}
	s.call = c
	a.shells[req.ID] = s
	c.Respond(rpc.AgentEvent{Type: "started", Pid: s.pid})
}

// check refuses what an earlier leader or attempt wants.
func (a *agent) check(c *service.Call, req *rpc.AgentLaunch) error {
	switch s := a.shells[req.ID]; {
	case !c.Streaming():
		return message.Errorf(syscall.EPROTO, "job-agent.launch is a streaming request")
	case req.Term < a.term:
		return message.Errorf(syscall.ESTALE, "launch of job %s is of an earlier leader", req.ID)
	case s != nil && req.Attempt < s.attempt:
		return message.Errorf(syscall.ESTALE, "launch of job %s is of an earlier attempt", req.ID)
	case s != nil && req.Attempt > s.attempt && !s.over:
		return message.Errorf(syscall.EEXIST, "job %s has a shell of an earlier attempt on this node", req.ID)
	case req.Jobspec == nil || req.R == nil:
		return message.Errorf(syscall.EPROTO, "launch of job %s: jobspec or R is missing", req.ID)
	}
	return a.checkMemory(req)
}

// start makes the job's directory and starts the shell, or gives the job to one
// that waits.
func (a *agent) start(req *rpc.AgentLaunch) (*shell, error) {
	parent, suffix := a.jobDirs()
	s := &shell{id: req.ID, attempt: req.Attempt, r: req.R, dir: filepath.Join(parent, req.ID.F58ASCII()+suffix)}
	s.logDir = s.dir
	program := req.Shell
	if program == "" {
		program = install.Shell()
	}
	info, err := a.info(req)
	if err != nil {
		return nil, message.Errorf(message.Errno(err), "writing the shell's information: %v", err)
	}
	if p := a.waiting(program); p != nil {
		return s, a.hand(p, s, info)
	}
	text, err := message.Marshal(info)
	if err != nil {
		return nil, message.Errorf(message.Errno(err), "writing the shell's information: %v", err)
	}
	args := []string{program}
	if req.Lasting {
		args = append(args, "--reconnect")
	}
	s.pid, err = a.node.Start(&Start{Dir: s.dir, Info: text, Args: append(args, req.ID.Dec()), Env: a.environ(req, s.dir)})
	if err == nil {
		a.watch(s, program)
	}
	return s, err
}

// info is what the shell needs to know.
func (a *agent) info(req *rpc.AgentLaunch) (*rpc.ShellInfo, error) {
	spec, err := message.Marshal(req.Jobspec)
	if err != nil {
		return nil, err
	}
	attrs := map[string]string{}
	for _, name := range rpc.ShellAttrs {
		if v, ok := a.h.Attr(name); ok {
			attrs[name] = v
		}
	}
	return &rpc.ShellInfo{
		ID: req.ID, Attempt: req.Attempt, UserID: req.UserID, BrokerRank: a.h.Rank(),
		R: req.R, Jobspec: spec, Attrs: attrs, Cores: a.cores,
		Next: a.mayWait(req),
	}, nil
}

// environ is the broker's environment without what belongs to the broker's own
// start, and with the way to the broker.
func (a *agent) environ(req *rpc.AgentLaunch, dir string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if key, _, _ := strings.Cut(kv, "="); !private[key] && !strings.HasPrefix(key, "PMI_") {
			env = append(env, kv)
		}
	}
	uri, _ := a.h.Attr("local-uri")
	return append(env,
		"GOMAXPROCS=1", // the processors are the tasks'; it starts sooner
		"FLUX_URI="+uri,
		"FLUX_JOB_ID="+req.ID.F58ASCII(),
		"FLUX_KVS_NAMESPACE="+req.ID.Namespace(),
		rpc.ShellInfoEnv+"="+filepath.Join(dir, infoFile),
	)
}

// private are variables of the broker's own start.
var private = map[string]bool{
	"GOMAXPROCS": true,
	"FLUX_URI":   true, "FLUX_KVS_NAMESPACE": true, "FLUX_PROXY_REMOTE": true, "FLUX_START_URI": true,
	"FLUX_JOB_ID": true, "FLUX_JOB_SIZE": true, "FLUX_JOB_NNODES": true, "FLUX_JOB_TMPDIR": true,
	"FLUX_TASK_RANK": true, "FLUX_TASK_LOCAL_ID": true, "NOTIFY_SOCKET": true, "LISTEN_FDS": true, "LISTEN_PID": true,
}

// exited tells how a shell ended, and keeps it until the leader has recorded it.
func (a *agent) exited(s *shell, status int, rest []rpc.ShellRest) {
	s.over, s.status, s.rest = true, status, rest
	defer a.unclaimed()
	if s.call == nil {
		a.resume()
		return
	}
	if log := a.node.Log(s.logDir); log != "" {
		s.call.Respond(rpc.AgentEvent{Type: "log", Stream: "stderr", Data: log})
	}
	s.call.Respond(rpc.AgentEvent{Type: "exited", Status: status, Rest: rest})
	s.call.End()
	s.call = nil
}

func (a *agent) forget(_ *service.Call, req *rpc.AgentForget) (any, error) {
	if s := a.shells[req.ID]; s != nil && s.over && s.attempt <= req.Attempt {
		a.drop(s)
	}
	return nil, nil
}

// drop removes what is left of a shell.
func (a *agent) drop(s *shell) {
	if a.shells[s.id] != s {
		return
	}
	delete(a.shells, s.id)
	dir := s.dir
	a.h.Go(func(context.Context) { a.node.Remove(dir) }, nil)
}

func (a *agent) kill(_ *service.Call, req *rpc.AgentKill) (any, error) {
	if a.unpark(req.ID, errCanceled) {
		return nil, nil
	}
	s := a.shells[req.ID]
	if s == nil || s.over {
		return nil, syscall.ESRCH
	}
	if req.Signum <= 0 || req.Signum > 64 {
		return nil, message.Errorf(syscall.EINVAL, "Invalid signal number")
	}
	return nil, a.node.Kill(-s.pid, syscall.Signal(req.Signum))
}
