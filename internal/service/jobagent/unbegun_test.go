// SPDX-License-Identifier: LGPL-3.0-or-later

package jobagent

import (
	"syscall"
	"testing"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/testkit/host"
	"goflux/jobid"
	"goflux/jobspec"
)

// paper is a node of paper.
type paper struct {
	found     []Found
	started   int
	remembers bool
}

func (p *paper) Cores() ([]string, error)            { return []string{"0"}, nil }
func (p *paper) Start(*Start) (int, error)           { p.started++; return 42, nil }
func (p *paper) Found(_, _ string) []Found           { return p.found }
func (p *paper) Remembers(_, _ string) bool          { return p.remembers }
func (p *paper) Remember(_, _ string) error          { p.remembers = true; return nil }
func (p *paper) Watch(string, int, func(status int)) {}
func (p *paper) Kill(int, syscall.Signal) error      { return nil }
func (p *paper) Rest(string) []rpc.ShellRest         { return nil }
func (p *paper) Log(string) string                   { return "" }
func (p *paper) Remove(string)                       {}
func (p *paper) Close()                              {}

// launchOf is the launch of a job with a core of the only node.
func launchOf(t *testing.T, id jobid.ID, term int64) rpc.AgentLaunch {
	t.Helper()
	spec, err := jobspec.FromCommand([]string{"true"}, jobspec.Layout{Tasks: 1}, jobspec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return rpc.AgentLaunch{
		ID: id, Attempt: 1, Term: term, Jobspec: spec,
		R: []byte(`{"version":1,"execution":{"R_lite":[{"rank":"0","children":{"core":"0"}}],"nodelist":["n0"],"starttime":0,"expiration":0}}`),
	}
}

// The leader has been told that a shell was started, which began nothing before
// its broker was killed: it is started after all. Of other jobs a broker knows
// nothing, and says so.
func TestUnbegunIsStarted(t *testing.T) {
	node := &paper{found: []Found{{Dir: "/x", Unbegun: true, Info: rpc.ShellInfo{ID: foundJob, Attempt: 1}}}}
	b := host.Start(t, host.Options{Size: 1, Attrs: map[string]string{"rundir": t.TempDir()}})
	b.Load(On(func(service.Host) Node { return node }))
	req := launchOf(t, foundJob, 1)
	req.Reattach = true
	m := b.Owner().Stream("job-agent.launch", req).Next()
	var ev rpc.AgentEvent
	if err := m.Err(); err != nil {
		t.Fatal(err)
	}
	if err := m.Decode(&ev); err != nil || ev.Type != "started" || node.started != 1 {
		t.Errorf("%+v, %v; %d shells were started", ev, err, node.started)
	}
	req.ID = otherJob
	if err := b.Owner().Stream("job-agent.launch", req).Next().Err(); message.Errno(err) != syscall.ESRCH {
		t.Errorf("a job that is not known: %v", err)
	}
}
