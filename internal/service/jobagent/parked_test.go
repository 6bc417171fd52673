// SPDX-License-Identifier: LGPL-3.0-or-later

package jobagent_test

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/service/jobagent"
	"goflux/internal/testkit/host"
	"goflux/jobid"
	"goflux/jobspec"
)

// haunted is a node on which an earlier broker has left a shell of job 1, and how
// that of job 9 ended.
type haunted struct {
	h       service.Host
	did     chan string // what was done to the node
	removed chan string // directories
	ended   map[int]func(status int)
}

func (n *haunted) Cores() ([]string, error) { return nil, nil }

func (n *haunted) Start(*jobagent.Start) (int, error) {
	n.did <- "start"
	return 2, nil
}

func (n *haunted) Found(dir, _ string) []jobagent.Found {
	return []jobagent.Found{
		{Dir: dir + "/1", Info: rpc.ShellInfo{ID: 1, R: cores("0-1")}, Pid: 1, Alive: true},
		{Dir: dir + "/9", Info: rpc.ShellInfo{ID: 9, R: cores("0-1")}},
	}
}

func (n *haunted) Remembers(_, _ string) bool { return true }
func (n *haunted) Remember(_, _ string) error { return nil }

func (n *haunted) Watch(_ string, pid int, ended func(int)) { n.ended[pid] = ended }

func (n *haunted) Kill(pid int, sig syscall.Signal) error {
	n.did <- fmt.Sprint("kill ", pid)
	n.h.Post(func() { n.ended[-pid](int(sig)) })
	return nil
}

func (n *haunted) Log(string) string           { return "" }
func (n *haunted) Rest(string) []rpc.ShellRest { return nil }
func (n *haunted) Remove(dir string)           { n.removed <- filepath.Base(dir) }
func (n *haunted) Close()                      {}

func cores(ids string) []byte {
	return []byte(`{"version":1,"execution":{"R_lite":[{"rank":"0","children":{"core":"` + ids + `"}}],` +
		`"starttime":0.0,"expiration":0.0,"nodelist":["h"]}}`)
}

// launch launches job 2 on some cores of such a node, of whose old shells the
// leader says that they are gone, and returns what was done.
func launch(t *testing.T, on string) (all []string, removed chan string) {
	b := host.Start(t, host.Options{Attrs: map[string]string{"rundir": t.TempDir(), "local-uri": "local:///none"}})
	did, removed := make(chan string, 10), make(chan string, 10)
	b.Load(&service.Registration{
		Name: "job-exec",
		New:  func(service.Host, []string) (any, error) { return did, nil },
		Methods: []service.Method{
			service.Unary("job-exec.claims", service.Owner, func(did chan string, _ *service.Call, req *rpc.AgentShells) (any, error) {
				did <- "ask"
				return req, nil
			}),
		},
	})
	b.Load(jobagent.On(func(h service.Host) jobagent.Node {
		return &haunted{h: h, did: did, removed: removed, ended: map[int]func(int){}}
	}))
	spec, err := jobspec.Parse([]byte(`{"version":1,"resources":[{"type":"slot","count":1,"with":[{"type":"core","count":1}],"label":"task"}],` +
		`"tasks":[{"command":["true"],"slot":"task","count":{"per_slot":1}}],"attributes":{"system":{"duration":0}}}`))
	if err != nil {
		t.Fatal(err)
	}
	s := b.Owner().Stream("job-agent.launch", &rpc.AgentLaunch{ID: jobid.ID(2), Attempt: 1, Jobspec: spec, R: cores(on)})
	var ev rpc.AgentEvent
	m := s.Next()
	if err := m.Err(); err != nil {
		t.Fatal(err)
	}
	if err := m.Decode(&ev); err != nil || ev.Type != "started" {
		t.Errorf("%+v %v", ev, err)
	}
	for len(did) > 0 {
		all = append(all, <-did)
	}
	return all, removed
}

// A job is not started on cores that the shell of another still has.
func TestLaunchWaitsForWhatIsInItsWay(t *testing.T) {
	got, removed := launch(t, "1-2")
	if got := fmt.Sprint(got); got != "[ask kill -1 start]" {
		t.Errorf("on a core that is in use: %s", got)
	}
	if dir := <-removed; dir != "9" { // the leader does not want to know how it ended
		t.Errorf("%s is removed", dir)
	}
	got, removed = launch(t, "2-3")
	if got := fmt.Sprint(got); got != "[start]" {
		t.Errorf("on others: %s", got)
	}
	if len(removed) > 0 {
		t.Errorf("%s is removed before the leader has been asked", <-removed)
	}
}
