// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/service/content"
	"goflux/internal/service/contentsqlite"
	"goflux/internal/service/kvs"
	"goflux/internal/store"
	"goflux/internal/testkit/host"
	"goflux/treeobj"
)

type instance struct {
	*host.Broker
	*host.Caller
	t  *testing.T
	st *store.Store
}

type options struct {
	path    string
	lasting bool
	hook    func(string) error
	config  map[string]any
	args    []string
}

// start runs a leader with its services; an instance that is started over
// another's path takes over its state.
func start(t *testing.T, o options) *instance {
	t.Helper()
	if o.path == "" {
		o.path = filepath.Join(t.TempDir(), store.FileName)
	}
	st, err := store.Open(o.path, store.Options{Lasting: o.lasting, Hook: o.hook})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	cleanup := map[bool]string{false: "1", true: "0"}[o.lasting]
	b := host.Start(t, host.Options{
		Attrs: map[string]string{"statedir-cleanup": cleanup}, Config: o.config,
		Shared: map[string]any{"store": st},
	})
	b.Load(content.Service())
	b.Load(contentsqlite.Service())
	b.Load(kvs.Leader(), o.args...)
	return &instance{b, b.Owner(), t, st}
}

func (i *instance) put(ns string, flags int, ops ...rpc.KVSOp) (rpc.KVSRoot, error) {
	i.t.Helper()
	var r rpc.KVSRoot
	err := i.RPC("kvs.commit", &rpc.KVSCommit{Namespace: ns, Flags: flags, Ops: ops}, &r)
	return r, err
}

func (i *instance) mustPut(ns string, ops ...rpc.KVSOp) rpc.KVSRoot {
	i.t.Helper()
	r, err := i.put(ns, 0, ops...)
	if err != nil {
		i.t.Fatal(err)
	}
	return r
}

func get(c *host.Caller, ns, key string) (string, error) {
	var v rpc.KVSValue
	if err := c.RPC("kvs.lookup", rpc.KVSLookup{Key: key, Namespace: ns}, &v); err != nil {
		return "", err
	}
	val, _ := v.Val.Object.(treeobj.Val)
	return string(val.Data), nil
}

func (i *instance) want(ns, key, want string) {
	i.t.Helper()
	if got, err := get(i.Caller, ns, key); err != nil || got != want {
		i.t.Errorf("%s is %q (%v), want %q", key, got, err, want)
	}
}

func wantErrno(t *testing.T, err error, num syscall.Errno) {
	t.Helper()
	if !errors.Is(err, num) {
		t.Errorf("got error %v, want %v", err, num)
	}
}

func val(key, s string) rpc.KVSOp { return rpc.KVSPut(key, treeobj.Val{Data: []byte(s)}) }

func create(ns string, owner int64) rpc.KVSNamespaceCreate {
	return rpc.KVSNamespaceCreate{Namespace: ns, Owner: owner,
		Rootref: treeobj.Blobref(treeobj.SHA1, treeobj.Encode(treeobj.NewDir()))}
}

const primary = "primary"

// Requests and answers as a client has them on the wire.
func TestWire(t *testing.T) {
	i := start(t, options{})
	for _, tc := range []struct{ topic, req, resp string }{
		{"kvs.commit", `{"namespace":"primary","flags":0,"ops":[{"key":"a","flags":0,"dirent":{"ver":1,"type":"val","data":"MQ=="}},{"key":"b.c","flags":0,"dirent":{"ver":1,"type":"val","data":"dHdv"}}]}`,
			`{"rootref":"sha1-4d9d8f4ad8d4a0b3b0b62f3a20b2b1d4a1c6e2b6","rootseq":1}`},
		{"kvs.lookup", `{"key":"a","namespace":"primary","flags":0}`, `{"val":{"data":"MQ==","type":"val","ver":1}}`},
		{"kvs.lookup", `{"key":"b","namespace":"primary","flags":1}`, `{"val":{"data":{"c":{"data":"dHdv","type":"val","ver":1}},"type":"dir","ver":1}}`},
		{"kvs.lookup", `{"key":"nope","namespace":"primary","flags":0}`, "errno 2"},
		{"kvs.lookup", `{"key":"b","namespace":"primary","flags":0}`, "errno 21"},
		{"kvs.lookup", `{"key":"a","namespace":"none","flags":0}`, "errno 95"},
		{"kvs.lookup", `{"key":"a","flags":0}`, "errno 71"},
		{"kvs.lookup", `{"key":"a","flags":0,"rootdir":{"ver":1,"type":"val","data":""}}`, "errno 22"},
		{"kvs.commit", `{"namespace":"primary","flags":0,"ops":[{"key":"a","flags":0,"dirent":null}]}`, ""},
		{"kvs.lookup", `{"key":"a","namespace":"primary","flags":0}`, "errno 2"},
		{"kvs.commit", `{"namespace":"primary","flags":0,"ops":[{"key":"b","flags":0}]}`, "errno 71"},
		{"kvs.commit", `{"flags":0,"ops":[]}`, "errno 71"},
		{"kvs.namespace-create", `{"namespace":"n1","rootref":"sha1-c0a9faf907dda6216fd73bf81d0b3b21a1a8cb91","owner":-1,"flags":0}`, ""},
		{"kvs.namespace-remove", `{"namespace":"n1","rootseq":1}`, "errno 116"},
		{"kvs.namespace-remove", `{"namespace":"n1","rootseq":-1}`, `{"owner":0,"rootseq":0,"rootref":"sha1-c0a9faf907dda6216fd73bf81d0b3b21a1a8cb91","flags":0,"namespace":"n1"}`},
		{"kvs.namespace-remove", `{"namespace":"n1","rootseq":0}`, ""},
		{"kvs.namespace-remove", `{"namespace":"never"}`, ""},
		{"kvs.namespace-remove", `{"namespace":"primary"}`, "errno 95"},
		{"kvs.setroot-pause", `{"namespace":"primary"}`, ""},
		{"kvs.setroot-unpause", `{"namespace":"illegal"}`, "errno 95"},
		{"kvs.fence", `{}`, "errno 38"},
	} {
		m, err := i.Call(tc.topic, jsontext.Value(tc.req))
		got := string(m.JSON())
		if err != nil {
			got = fmt.Sprint("errno ", int(message.Errno(err)))
		}
		if tc.topic == "kvs.commit" && err == nil {
			if !strings.HasPrefix(got, `{"rootref":"sha1-`) {
				t.Errorf("%s: %s", tc.req, got)
			}
			continue
		}
		if got != tc.resp {
			t.Errorf("%s %s:\n got %s\nwant %s", tc.topic, tc.req, got, tc.resp)
		}
	}
}

func TestLookupPlusAndWait(t *testing.T) {
	i := start(t, options{})
	root := i.mustPut(primary, val("a", "1"))
	var res rpc.KVSLookupPlus
	if err := i.RPC("kvs.lookup-plus", rpc.KVSLookup{Key: "none", Namespace: primary}, &res); err != nil || res.Errno != 2 || res.Rootref != root.Rootref || res.Rootseq != 1 {
		t.Errorf("lookup-plus: %+v %v", res, err)
	}
	waiting := i.Send("kvs.wait-version", rpc.KVSWaitVersion{Rootseq: 3, Namespace: primary}, 0)
	var stats rpc.KVSStats
	if err := i.RPC("kvs.stats-get", nil, &stats); err != nil || stats.Namespace[primary].VersionWaiters != 1 || stats.Pending != 1 || stats.Opcount.Commit.Count != 1 {
		t.Errorf("stats %+v %v", stats, err)
	}
	i.mustPut(primary, val("a", "2"))
	if !waiting.Idle() {
		t.Error("answered too early")
	}
	i.mustPut(primary, val("a", "3"))
	if m := waiting.Next(); m.Err() != nil {
		t.Error(m.Err())
	}
	i.Send("kvs.wait-version", rpc.KVSWaitVersion{Rootseq: 99, Namespace: primary}, 0)
	i.Disconnect("kvs")
	if err := i.RPC("kvs.stats-get", nil, &stats); err != nil || stats.Pending != 0 {
		t.Errorf("after disconnect: %+v", stats)
	}
}

func TestGuests(t *testing.T) {
	i := start(t, options{})
	i.mustPut(primary, val("secret", "1"))
	if err := i.RPC("kvs.namespace-create", create("mine", 42), nil); err != nil {
		t.Fatal(err)
	}
	i.mustPut("mine", val("a", "1"))
	g, other := i.Guest(42), i.Guest(43)
	if got, err := get(g, "mine", "a"); got != "1" || err != nil {
		t.Errorf("guest: %q %v", got, err)
	}
	commit := func(c *host.Caller, ns string, ops ...rpc.KVSOp) error {
		return c.RPC("kvs.commit", rpc.KVSCommit{Namespace: ns, Ops: ops}, nil)
	}
	if err := commit(g, "mine", val("b", "2"), rpc.KVSUnlink("a"), rpc.KVSPut("d", treeobj.NewDir())); err != nil {
		t.Error(err)
	}
	full := treeobj.NewDir()
	full.Set("x", treeobj.Val{})
	for text, o := range map[string]treeobj.Object{
		"non-empty dir": full, "symlink": treeobj.Symlink{Target: "x"},
		"dirref": treeobj.Dirref{Refs: []string{create("", 0).Rootref}},
	} {
		err := commit(g, "mine", rpc.KVSPut("b", o))
		wantErrno(t, err, syscall.EPERM)
		if err == nil || !strings.Contains(err.Error(), "guests may not commit "+text) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, c := range []*host.Caller{g, other} {
		_, err := get(c, primary, "secret")
		wantErrno(t, err, syscall.EPERM)
		wantErrno(t, commit(c, primary, val("x", "1")), syscall.EPERM)
	}
	_, err := get(other, "mine", "b")
	wantErrno(t, err, syscall.EPERM)
	wantErrno(t, other.RPC("kvs.getroot", rpc.KVSGetroot{Namespace: "mine"}, nil), syscall.EPERM)
	wantErrno(t, g.RPC("kvs.namespace-remove", rpc.KVSNamespaceRemove{Namespace: "mine"}, nil), syscall.EPERM)
}

// What has been answered survives; namespaces do, too.
func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.FileName)
	i := start(t, options{path: path, lasting: true})
	i.mustPut(primary, val("a", "1"), val("big", strings.Repeat("b", 1000)))
	if err := i.RPC("kvs.namespace-create", create("n", 7), nil); err != nil {
		t.Fatal(err)
	}
	if err := i.RPC("kvs.namespace-create", create("gone", 7), nil); err != nil {
		t.Fatal(err)
	}
	i.mustPut("n", val("x", "y"))
	last := i.mustPut(primary, val("a", "2"))
	if err := i.RPC("kvs.namespace-remove", rpc.KVSNamespaceRemove{Namespace: "gone"}, nil); err != nil {
		t.Fatal(err)
	}
	_ = i.st.Close() // a crash: nothing is said to the modules

	i = start(t, options{path: path, lasting: true})
	i.want(primary, "a", "2")
	i.want(primary, "big", strings.Repeat("b", 1000))
	i.want("n", "x", "y")
	var root rpc.KVSGetrootResponse
	if err := i.RPC("kvs.getroot", rpc.KVSGetroot{Namespace: primary}, &root); err != nil || root.Rootseq != last.Rootseq || root.Rootref != last.Rootref {
		t.Errorf("root %+v %v, want %+v", root, err, last)
	}
	if err := i.RPC("kvs.getroot", rpc.KVSGetroot{Namespace: "n"}, &root); err != nil || root.Owner != 7 {
		t.Errorf("owner of n: %+v %v", root, err)
	}
	_, err := get(i.Caller, "gone", "x")
	wantErrno(t, err, syscall.EOPNOTSUPP)
}

// A fleeting namespace is kept from the moment that something is put there, or
// when the module goes and not the instance.
func TestFleetingNamespaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), store.FileName)
	i := start(t, options{path: path, lasting: true})
	for _, name := range []string{"empty", "used", "gone"} {
		req := create(name, 7)
		req.Fleeting = true
		if err := i.RPC("kvs.namespace-create", req, nil); err != nil {
			t.Fatal(err)
		}
	}
	i.mustPut("used", val("x", "y"))
	if err := i.RPC("kvs.namespace-remove", rpc.KVSNamespaceRemove{Namespace: "gone"}, nil); err != nil {
		t.Fatal(err)
	}
	i.Remove("kvs")
	i.Load(kvs.Leader())
	if err := i.RPC("kvs.getroot", rpc.KVSGetroot{Namespace: "empty"}, nil); err != nil {
		t.Errorf("after the module has been loaded again: %v", err)
	}
	req := create("crash", 7)
	req.Fleeting = true
	if err := i.RPC("kvs.namespace-create", req, nil); err != nil {
		t.Fatal(err)
	}
	_ = i.st.Close()

	i = start(t, options{path: path, lasting: true})
	i.want("used", "x", "y")
	for _, name := range []string{"crash", "gone"} {
		_, err := get(i.Caller, name, "x")
		wantErrno(t, err, syscall.EOPNOTSUPP)
	}
}

func TestThrowAway(t *testing.T) {
	i := start(t, options{})
	i.mustPut(primary, val("a", "1"))
	if cps, _ := i.st.Checkpoints(); len(cps) != 0 {
		t.Errorf("checkpoints %v", cps)
	}
	r, err := i.put(primary, 4, val("b", "1"))
	if err != nil {
		t.Fatal(err)
	}
	check := func(want int, root string) {
		t.Helper()
		cps, _ := i.st.Checkpoints()
		if len(cps) != want || !strings.Contains(string(cps[0].Value), root) {
			t.Errorf("%d checkpoints, the last %s, want %d and %s", len(cps), cps[0].Value, want, root)
		}
	}
	check(1, r.Rootref)
	if r2, err := i.put(primary, 4); err != nil || r2.Rootref != r.Rootref || r2.Rootseq != r.Rootseq+1 {
		t.Errorf("empty sync: %+v %v", r2, err)
	}
	check(2, r.Rootref)
	r = i.mustPut(primary, val("c", "1"))
	i.Remove("kvs")
	check(3, r.Rootref)
	i.Load(kvs.Leader())
	i.want(primary, "c", "1")
	i.Remove("kvs")
	i.Load(kvs.Leader(), "initial-rootref="+create("", 0).Rootref)
	_, err = get(i.Caller, primary, "c")
	wantErrno(t, err, syscall.ENOENT)
	i.Remove("content-sqlite")
	_, err = i.put(primary, 4, val("d", "1"))
	wantErrno(t, err, syscall.ENOSYS)
	i.mustPut(primary, val("d", "1"))
	i.want(primary, "d", "1")
	if err := i.TryLoad(kvs.Leader(), "initial-rootref=foo"); err == nil {
		t.Error("a bad root was taken")
	}
}

func TestPeriodicCheckpoint(t *testing.T) {
	i := start(t, options{config: map[string]any{"kvs": map[string]any{"checkpoint-period": "1ms", "gc-threshold": int64(5)}}})
	r := i.mustPut(primary, val("a", "1"))
	for {
		var got rpc.CheckpointGet
		err := i.RPC("content.checkpoint-get", nil, &got)
		if err == nil && strings.Contains(string(got.Value[0]), r.Rootref) {
			break
		}
		if err != nil {
			wantErrno(t, err, syscall.ENOENT)
		}
	}
	i.Remove("kvs")
	i.SetConfig(map[string]any{"kvs": map[string]any{"checkpoint-period": "1Z"}})
	if err := i.TryLoad(kvs.Leader()); err == nil || !strings.Contains(err.Error(), "invalid checkpoint-period config: 1Z") {
		t.Errorf("bad period: %v", err)
	}
}

func TestDiskFull(t *testing.T) {
	full := false
	i := start(t, options{lasting: true, hook: func(p string) error {
		if full && p == "commit" {
			return message.Errorf(syscall.ENOSPC, "no space")
		}
		return nil
	}})
	i.mustPut(primary, val("a", "1"))
	full = true
	_, err := i.put(primary, 0, val("a", "2"))
	wantErrno(t, err, syscall.ENOSPC)
	i.want(primary, "a", "1")
	full = false
	i.mustPut(primary, val("b", "3"))
	i.want(primary, "a", "1")
	i.want(primary, "b", "3")
}

func TestView(t *testing.T) {
	i := start(t, options{})
	_, err := get(i.Caller, primary, "job.1.R")
	wantErrno(t, err, syscall.ENOENT)
	type info struct{}
	var root string
	i.Load(&service.Registration{
		Name: "job-info",
		New:  func(service.Host, []string) (any, error) { return &info{}, nil },
		Methods: []service.Method{service.Unary("job-info.kvs-view", service.Owner, func(_ *info, _ *service.Call, r *rpc.KVSView) (any, error) {
			own := treeobj.NewDir()
			own.Set("output", treeobj.Val{Data: []byte("out")})
			switch fmt.Sprint(r.Key) {
			case "[1 R]":
				return &rpc.KVSViewed{Object: treeobj.Val{Data: []byte("R of 1")}}, nil
			case "[1 guest]":
				return &rpc.KVSViewed{Object: own, Namespace: "job-1"}, nil
			case "[1 guest a b]":
				return &rpc.KVSViewed{Namespace: "job-1", Rest: []string{"a", "b"}}, nil
			case "[2 guest a b]":
				return &rpc.KVSViewed{Root: root, Rest: []string{"a", "b"}}, nil
			case "[2 guest]":
				return &rpc.KVSViewed{Object: own, Root: treeobj.Blobref(treeobj.SHA1, []byte("lost"))}, nil
			}
			return nil, syscall.ENOENT
		})},
	})
	if err := i.RPC("kvs.namespace-create", rpc.KVSNamespaceCreate{Namespace: "job-1", Owner: -1}, nil); err != nil {
		t.Fatal(err)
	}
	i.mustPut("job-1", val("a.b", "live"))
	var ns rpc.KVSGetrootResponse
	if err := i.RPC("kvs.getroot", rpc.KVSGetroot{Namespace: "job-1"}, &ns); err != nil {
		t.Fatal(err)
	}
	root = ns.Rootref
	i.want(primary, "job.1.guest.a.b", "live")
	i.want(primary, "job.2.guest.a.b", "live")
	for key, want := range map[string]string{"job.1.guest": "a output", "job.2.guest": "output"} {
		var v rpc.KVSValue
		if err := i.RPC("kvs.lookup", rpc.KVSLookup{Key: key, Namespace: primary, Flags: 1}, &v); err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		var names []string
		for name := range v.Val.Object.(*treeobj.Dir).All() {
			names = append(names, name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s has %q, want %q", key, got, want)
		}
	}
	i.want(primary, "job.1.R", "R of 1")
	_, err = get(i.Caller, primary, "job.2.R")
	wantErrno(t, err, syscall.ENOENT)
	i.mustPut(primary, val("job.2.R", "in the tree"))
	i.want(primary, "job.2.R", "in the tree")
}

// What comes while a leader that has restarted still reads its namespaces is
// served when it has.
func TestEarlyRequestsWait(t *testing.T) {
	b := host.Start(t, host.Options{Attrs: map[string]string{"statedir-cleanup": "1", "content.hash": "sha1"}})
	asked := make(chan func(), 1)
	b.Load(&service.Registration{
		Name: "content",
		New:  func(h service.Host, _ []string) (any, error) { return h, nil },
		Methods: []service.Method{
			service.Raw("content.checkpoint-get", service.Owner, func(h service.Host, c *service.Call) {
				asked <- func() { h.Post(func() { c.Fail(syscall.ENOENT) }) }
			}),
			service.Raw("content.commit", service.Owner, func(_ service.Host, c *service.Call) { c.Respond(nil) }),
		},
	})
	done := make(chan error, 1)
	b.Modules().Load(kvs.Leader(), "kvs", "builtin", nil, func(err error) { done <- err })
	answer := <-asked
	early := b.Owner().Send("kvs.getroot", rpc.KVSGetroot{Namespace: primary}, 0)
	answer()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := early.Next().Err(); err != nil {
		t.Errorf("a request that came early: %v", err)
	}
}
