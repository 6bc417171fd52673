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
	busy    int // how often it will be committed to before it is removed
}

const (
	someRoot = "sha1-0123456789012345678901234567890123456789"
	lastRoot = "sha1-9876543210987654321098765432109876543210"
)

// endWithSpace starts and ends a job whose namespace will be committed to so often
// while it is to be removed.
func endWithSpace(t *testing.T, busy int) (*spaces, *host.Broker, *host.Stream) {
	s := &spaces{busy: busy, created: make(chan string, 1), noted: make(chan *service.Call, 10), removed: make(chan string, 10)}
	b := host.Start(t, host.Options{Size: 1})
	itself := func(service.Host, []string) (any, error) { return s, nil }
	b.Load(&service.Registration{Name: "kvs", New: itself, Methods: []service.Method{
		service.Unary("kvs.namespace-create", service.Owner, func(s *spaces, _ *service.Call, r *rpc.KVSNamespaceCreate) (any, error) {
			s.created <- r.Rootref
			return nil, nil
		}),
		service.Unary("kvs.namespace-remove", service.Owner, func(s *spaces, _ *service.Call, r *rpc.KVSNamespaceRemove) (any, error) {
			stale := s.busy > 0 // somebody has committed since
			s.busy--
			if stale && *r.Rootseq >= 0 {
				return nil, syscall.ESTALE
			}
			s.removed <- r.Namespace
			if stale {
				return rpc.KVSGetrootResponse{Rootref: lastRoot, Rootseq: 2}, nil
			}
			return rpc.KVSGetrootResponse{Rootref: someRoot, Rootseq: 1}, nil
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
			if r.Rootref == "" {
				c.Respond(nil)
				return
			}
			s.noted <- c
		}),
	}})
	b.Load(Registration())
	req := newJob(t)
	req.R = []byte(`{"version":1,"execution":{"R_lite":[{"rank":"0","children":{"core":"0"}}],"nodelist":["n0"],"starttime":0,"expiration":0}}`)
	req.Guest = someRoot
	if err := req.Jobspec.SetAttr("system.exec.test.run_duration", jsontext.Value(`"0.001s"`)); err != nil {
		t.Fatal(err)
	}
	return s, b, b.Owner().Stream("job-exec.start", req)
}

// released waits for the job's end.
func released(t *testing.T, job *host.Stream) {
	t.Helper()
	var r rpc.ExecResponse
	for r.Type != "release" {
		m := job.Next()
		if err := errors.Join(m.Err(), m.Decode(&r)); err != nil {
			t.Fatal(err)
		}
	}
}

// What is in a job's guest namespace is on record before that is removed, also what
// is committed to it in the end; and a later service begins where that left off.
func TestGuestNamespaceIsNotedFirst(t *testing.T) {
	s, b, job := endWithSpace(t, 1)
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
	if name := <-s.removed; name != oldJob.Namespace() {
		t.Errorf("%s is removed", name)
	}
	released(t, job)
}

// A job's end does not wait for one who commits to its namespace again and again;
// nor is the last of that lost.
func TestBusyGuestNamespace(t *testing.T) {
	s, _, job := endWithSpace(t, maxLooks)
	for range maxLooks {
		(<-s.noted).Respond(nil)
	}
	<-s.removed
	last := <-s.noted
	var g rpc.JobGuest
	if err := last.Msg.Decode(&g); err != nil || g.Rootref != lastRoot {
		t.Errorf("noted in the end: %+v, %v", g, err)
	}
	last.Respond(nil)
	released(t, job)
}
