// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"errors"
	"syscall"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/testkit/host"
)

// spaces are the KVS and the job manager as far as guest namespaces go.
type spaces struct {
	created chan string        // with which root
	noted   chan *service.Call // job-info.guest with a root
	removed chan string
	busy    bool // it will be committed to before it is removed
}

const someRoot = "sha1-0123456789012345678901234567890123456789"

func startSpaces(t *testing.T) (*spaces, *host.Broker) {
	s := &spaces{busy: true, created: make(chan string, 1), noted: make(chan *service.Call, 1), removed: make(chan string, 10)}
	b := host.Start(t, host.Options{Size: 1})
	itself := func(service.Host, []string) (any, error) { return s, nil }
	b.Load(&service.Registration{Name: "kvs", New: itself, Methods: []service.Method{
		service.Unary("kvs.namespace-create", service.Owner, func(s *spaces, _ *service.Call, r *rpc.KVSNamespaceCreate) (any, error) {
			s.created <- r.Rootref
			return nil, nil
		}),
		service.Unary("kvs.namespace-remove", service.Owner, func(s *spaces, _ *service.Call, r *rpc.KVSNamespaceRemove) (any, error) {
			if s.busy { // somebody has committed since
				s.busy = false
				return nil, syscall.ESTALE
			}
			s.removed <- r.Namespace
			return nil, nil
		}),
		service.Unary("kvs.getroot", service.Guests, func(*spaces, *service.Call, *rpc.KVSGetroot) (any, error) {
			return rpc.KVSGetrootResponse{Rootref: someRoot, Rootseq: 1}, nil
		}),
	}})
	b.Load(&service.Registration{Name: "job-manager", New: itself, Methods: []service.Method{
		service.Unary("job-manager.exec-hello", service.Owner, func(*spaces, *service.Call, *rpc.ExecHello) (any, error) { return nil, nil }),
		service.Unary("job-manager.sync", service.Owner, func(*spaces, *service.Call, *rpc.JobsSync) (any, error) { return nil, nil }),
	}})
	b.Load(&service.Registration{Name: "job-info", New: itself, Methods: []service.Method{
		service.Unary("job-info.stream-append", service.Owner, func(*spaces, *service.Call, *rpc.JobStreamAppend) (any, error) { return nil, nil }),
		service.Deferred("job-info.guest", service.Owner, func(s *spaces, c *service.Call, r *rpc.JobGuest) {
			if r.Rootref == someRoot {
				s.noted <- c
				return
			}
			c.Respond(nil)
		}),
	}})
	b.Load(Registration())
	return s, b
}

// What is in a job's guest namespace is on record before that is removed, also what
// is committed to it in the end; and a later service begins where that left off.
func TestGuestNamespaceIsNotedFirst(t *testing.T) {
	s, b := startSpaces(t)
	req := newJob(t)
	req.R = []byte(`{"version":1,"execution":{"R_lite":[{"rank":"0","children":{"core":"0"}}],"nodelist":["n0"],"starttime":0,"expiration":0}}`)
	req.Guest = someRoot
	if err := req.Jobspec.SetAttr("system.exec.test.run_duration", jsontext.Value(`"0.001s"`)); err != nil {
		t.Fatal(err)
	}
	job := b.Owner().Stream("job-exec.start", req)
	if root := <-s.created; root != someRoot {
		t.Errorf("it begins with %s", root)
	}
	for range 2 { // commits
		noted := <-s.noted
		if err := b.Owner().RPC("kvs.getroot", rpc.KVSGetroot{}, nil); err != nil { // behind what it was sent
			t.Fatal(err)
		}
		if len(s.removed) > 0 {
			t.Errorf("%s is removed before what is in it is on record", <-s.removed)
		}
		noted.Respond(nil)
	}
	if name := <-s.removed; name != req.ID.Namespace() {
		t.Errorf("%s is removed", name)
	}
	var r rpc.ExecResponse
	for r.Type != "release" {
		m := job.Next()
		if err := errors.Join(m.Err(), m.Decode(&r)); err != nil {
			t.Fatal(err)
		}
	}
}
