// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"goflux/flux"
	"goflux/idset"
	"goflux/internal/broker"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/internal/sys/topology"
	"goflux/treeobj"
)

const fourNodes = `{"version":1,"execution":{"R_lite":[{"rank":"0-3","children":{"core":"0-1"}}],` +
	`"starttime":0.0,"expiration":0.0,"nodelist":["fake[0-3]"]}}`

// world is what the service meets in these tests: a KVS that keeps values, and
// broker groups.
type world struct {
	mu     sync.Mutex
	keys   map[string][]byte
	groups map[string]string
	watch  map[string]*service.Call
	host   service.Host
}

func newWorld() *world {
	return &world{
		keys:   map[string][]byte{},
		groups: map[string]string{"broker.online": "0-3", "broker.torpid": ""},
		watch:  map[string]*service.Call{},
	}
}

func (w *world) get(key string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.keys[key])
}

func (w *world) put(key, value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[key] = []byte(value)
}

// setGroup changes a broker group as brokers do when they come and go.
func (w *world) setGroup(name, members string) {
	w.host.Post(func() {
		w.groups[name] = members
		w.watch[name].Respond(rpc.GroupMembers{Members: members})
	})
}

func (w *world) kvs() *service.Registration {
	return &service.Registration{
		Name: "kvs",
		New:  func(service.Host, []string) (any, error) { return w, nil },
		Methods: []service.Method{
			service.Unary("kvs.lookup", service.Owner, (*world).lookup),
			service.Unary("kvs.commit", service.Owner, (*world).commit),
		},
	}
}

func (w *world) lookup(_ *service.Call, req *rpc.KVSLookup) (any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.keys[req.Key]
	if !ok {
		return nil, syscall.ENOENT
	}
	return rpc.KVSValue{Val: treeobj.JSON{Object: treeobj.Val{Data: v}}}, nil
}

func (w *world) commit(_ *service.Call, req *rpc.KVSCommit) (any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, op := range req.Ops {
		data := op.Dirent.Object.(treeobj.Val).Data
		if op.Flags&kvsAppend != 0 {
			data = append(w.keys[op.Key], data...)
		}
		w.keys[op.Key] = data
	}
	return rpc.Empty{}, nil
}

func (w *world) groupService() *service.Registration {
	return &service.Registration{
		Name: "groups",
		New:  func(h service.Host, _ []string) (any, error) { w.host = h; return w, nil },
		Methods: []service.Method{
			service.Deferred("groups.get", service.Owner, func(w *world, c *service.Call, req *rpc.GroupName) {
				w.watch[req.Name] = c
				c.Respond(rpc.GroupMembers{Members: w.groups[req.Name]})
			}),
		},
	}
}

// fakeNode is a node of two cores.
type fakeNode struct{ host string }

func (n fakeNode) Local(bool) (*found, error) {
	return &found{[]byte("<topology/>"), topology.Inventory{
		Hostname: n.host, Cores: idset.FromRange(0, 1), GPUs: idset.New(),
	}}, nil
}

func (n fakeNode) Parse(xml []byte, _ bool) (*found, error) {
	if !strings.HasPrefix(string(xml), "<topology") {
		return nil, errors.New("not XML")
	}
	return n.Local(false)
}

// instance is rank 0 of an instance of four.
type instance struct {
	t    *testing.T
	w    *world
	node node
	b    *broker.Broker
	*flux.Client
}

func start(t *testing.T, w *world, conf map[string]any) *instance {
	t.Helper()
	attrs := broker.NewAttrs()
	uri := "local://" + filepath.Join(t.TempDir(), "local")
	attrs.Put("local-uri", uri)
	attrs.Put("hostlist", "fake[0-3]")
	in := &instance{t: t, w: w, node: fakeNode{"fake0"}}
	in.b = broker.New(broker.Options{Size: 4, Attrs: attrs, Stderr: io.Discard, Config: conf})
	in.b.Online()
	t.Cleanup(in.b.Close)
	for _, r := range []*service.Registration{broker.ConnectorLocal(in.b), w.kvs(), w.groupService()} {
		if err := in.load(r); err != nil {
			t.Fatal(err)
		}
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

func (in *instance) leader(args ...string) error { return in.load(leaderWith(in.node), args...) }

func (in *instance) unload() {
	in.t.Helper()
	gone := make(chan error, 1)
	in.b.Modules().Remove("resource", false, func(err error) { gone <- err })
	if err := <-gone; err != nil {
		in.t.Fatal(err)
	}
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

// next returns the next answer of a stream.
func next(t *testing.T, c *flux.Call) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m, err := c.Message(ctx)
	if err != nil {
		return err.Error()
	}
	if err := m.Err(); err != nil {
		return flux.Errno(err).Error()
	}
	return string(m.JSON())
}

type m = map[string]any

func TestLifeWithStoredR(t *testing.T) {
	w := newWorld()
	w.put(keyR, fourNodes)
	in := start(t, w, nil)
	if err := in.leader(); err != nil {
		t.Fatal(err)
	}
	in.expect("resource.status", nil, `{"R":`+fourNodes+`,"drain":{},"online":"0-3","offline":"","exclude":"","torpid":""}`)
	in.expect("resource.get", nil, `{"R":`+fourNodes+`,"method":"kvs"}`)
	in.expect("resource.drain", m{"targets": "fake2", "reason": "fan"}, "")
	in.expect("resource.drain", m{"targets": "2", "reason": "again"}, "file exists: rank 2 already drained")
	if log := w.get(keyLog); !strings.Contains(log, `"name":"drain","context":{"idset":"2","nodelist":"fake2","reason":"fan","overwrite":0}`) {
		t.Errorf("the drain was answered but is not in the log:\n%s", log)
	}
	in.expect("resource.sched-status", nil, `{"all":`+fourNodes+`,"down":{"version":1,"execution":{"R_lite":[{"rank":"2","children":{"core":"0-1"}}],`+
		`"starttime":0.0,"expiration":0.0,"nodelist":["fake2"]}},"allocated":{"version":1,"execution":{"R_lite":[],"starttime":0.0,"expiration":0.0,"nodelist":[""]}}}`)
	in.expect("resource.topo-get", nil, "<topology/>")
	in.expect("resource.expiration-update", nil, "protocol error: Protocol error")
	in.expect("resource.expiration-update", m{"expiration": 1234.0}, "")
	if r := w.get(keyR); !strings.Contains(r, `"expiration":1234.0`) {
		t.Error(r)
	}

	in.unload()
	if c := w.get(keyCheckpoint); !strings.Contains(c, `"2":{"timestamp":`) {
		t.Errorf("checkpoint %s", c)
	}
	if err := in.leader("noverify"); err != nil {
		t.Fatal(err)
	}
	if s := in.call("resource.status", nil); !strings.Contains(s, `"reason":"fan"`) {
		t.Errorf("after a restart: %s", s)
	}
	in.expect("resource.undrain", m{"targets": "2"}, "")
	in.expect("resource.undrain", m{"targets": "2"}, "file exists: rank 2 not drained")
}

// A clock that was set back hides nothing that came after a checkpoint.
func TestClockSetBack(t *testing.T) {
	w := newWorld()
	w.put(keyR, fourNodes)
	w.put(keyCheckpoint, `{"timestamp":99999999999.0,"drain_state":{}}`) // of the far future
	in := start(t, w, nil)
	if err := in.leader(); err != nil {
		t.Fatal(err)
	}
	in.expect("resource.drain", m{"targets": "fake2", "reason": "fan"}, "")
	crashed := newWorld()
	for _, key := range []string{keyR, keyCheckpoint, keyLog} {
		crashed.put(key, w.get(key))
	}
	in = start(t, crashed, nil)
	if err := in.leader(); err != nil {
		t.Fatal(err)
	}
	if got := in.call("resource.status", nil); !strings.Contains(got, `"drain":{"2":{`) {
		t.Errorf("a drain was answered and is not there after a crash: %s", got)
	}
}

func TestAcquire(t *testing.T) {
	w := newWorld()
	w.put(keyR, fourNodes)
	in := start(t, w, map[string]any{"resource": map[string]any{"exclude": "0"}})
	if err := in.leader(); err != nil {
		t.Fatal(err)
	}
	s, err := in.Stream("resource.acquire", flux.NodeAny, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := next(t, s); !strings.Contains(got, `"rank":"1-3"`) || !strings.HasSuffix(got, `"up":"1-3"}`) {
		t.Error(got)
	}
	in.expect("resource.acquire", nil, "device or resource busy: resources are acquired already")
	in.expect("resource.reload", m{"path": "/nonexistent", "xml": false, "force": false},
		"no such file or directory: /nonexistent:-1 unable to open /nonexistent: No such file or directory")
	file := filepath.Join(t.TempDir(), "R")
	if err := os.WriteFile(file, []byte(fourNodes), 0o600); err != nil {
		t.Fatal(err)
	}
	in.expect("resource.reload", m{"path": file, "xml": false, "force": false}, "device or resource busy: resources are busy (unload scheduler?)")
	in.expect("resource.drain", m{"targets": "1"}, "")
	if got := next(t, s); got != `{"down":"1"}` {
		t.Error(got)
	}
	in.expect("resource.undrain", m{"targets": "1"}, "")
	if got := next(t, s); got != `{"up":"1"}` {
		t.Error(got)
	}
	w.setGroup("broker.torpid", "2")
	if got := next(t, s); got != `{"down":"2"}` {
		t.Error(got)
	}
	w.setGroup("broker.online", "0-2")
	if got := next(t, s); got != `{"down":"3","shrink":"3"}` {
		t.Error(got)
	}
	in.expect("resource.expiration-update", m{"expiration": 99.0}, "")
	if got := next(t, s); got != `{"expiration":99.0}` {
		t.Error(got)
	}
	in.expect("resource.acquire-mute", nil, "")
	in.expect("resource.drain", m{"targets": "1"}, "")
	if err := s.Cancel("resource.acquire-cancel", flux.NodeAny); err != nil {
		t.Fatal(err)
	}
	if got := next(t, s); got != "No data available" {
		t.Errorf("muted: %s", got)
	}
	in.expect("resource.reload", m{"path": file, "xml": false, "force": false}, "")
}

// TestDiscovery: R is made when all ranks have told what they have, and those
// who wait for it get it then.
func TestDiscovery(t *testing.T) {
	w := newWorld()
	in := start(t, w, nil)
	if err := in.leader(); err != nil {
		t.Fatal(err)
	}
	in.expect("resource.get", nil, "no such file or directory: No such file or directory")
	s, err := in.Stream("resource.acquire", flux.NodeAny, nil)
	if err != nil {
		t.Fatal(err)
	}
	j, err := in.Stream("resource.journal", flux.NodeAny, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := next(t, j); !strings.Contains(got, `"name":"restart","context":{"ranks":"0-3","online":"","nodelist":"fake[0-3]"}`) || !strings.Contains(got, `"name":"online","context":{"idset":"0-3"}`) {
		t.Error(got)
	}
	if got := next(t, j); got != `{"events":[]}` {
		t.Errorf("sentinel: %s", got)
	}
	for i := 3; i > 0; i-- {
		f, _ := fakeNode{"fake" + string(rune('0'+i))}.Local(false)
		in.expect("resource.topo-reduce", rpc.ResourceReduce{Count: 1, Resource: f.onRank(uint32(i))}, "")
	}
	if got := next(t, s); got != `{"resources":`+fourNodes+`,"up":"0-3"}` {
		t.Error(got)
	}
	if got := next(t, j); !strings.Contains(got, `"method":"dynamic-discovery"`) || !strings.Contains(got, `"R":`+fourNodes) {
		t.Error(got)
	}
	if w.get(keyR) != fourNodes {
		t.Errorf("%s: %s", keyR, w.get(keyR))
	}
	dir := t.TempDir()
	in.expect("resource.reload", m{"path": dir, "xml": true, "force": false}, "invalid argument: "+dir+": invalid directory: no XML input files found")
}

func TestVerifyDrains(t *testing.T) {
	w := newWorld()
	w.put(keyR, strings.Replace(fourNodes, `"0-1"`, `"0-1048"`, 1))
	in := start(t, w, nil)
	if err := in.leader(); err != nil {
		t.Fatal(err)
	}
	if s := in.call("resource.status", nil); !strings.Contains(s, `missing resources: core[2-1048]`) {
		t.Error(s)
	}
	in.unload()
	w.put(keyLog, "")
	w.put(keyCheckpoint, "")
	if err := in.leader("noverify"); err != nil {
		t.Fatal(err)
	}
	if s := in.call("resource.status", nil); !strings.Contains(s, `"drain":{}`) {
		t.Error(s)
	}
}

func TestRefusedStarts(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "R")
	if err := os.WriteFile(bad, []byte(`{"version":42}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		resource map[string]any
		log      string
		args     []string
		want     string
	}{
		{args: []string{"badoption"}, want: "unknown option: badoption"},
		{resource: m{"foo": int64(42)}, want: "foo"},
		{resource: m{"path": bad}, want: "error parsing R: invalid version=42"},
		{resource: m{"path": "/noexist"}, want: "unable to open /noexist"},
		{resource: m{"config": []any{}}, want: "no hosts configured"},
		{resource: m{"exclude": "0-4"}, want: "exclude set 0-4 is out of range"},
		{resource: m{"exclude": "fake9"}, want: "R is unavailable for mapping hostnames to ranks"},
		{resource: m{"exclude": "bad", "config": []any{m{"hosts": "fake[0-3]", "cores": "0"}}}, want: "invalid targets: invalid hosts: bad"},
		{resource: m{"scheduling": "missing", "config": []any{m{"hosts": "fake0", "cores": "0"}}}, want: "error loading resource.scheduling: missing:-1 unable to open missing: No such file"},
		{resource: m{"verify": "strict"}, want: "must be a table"},
		{resource: m{"history": "foobar"}, want: "invalid history time"},
		{log: "{}\n", want: keyLog},
		{log: `{"timestamp":1.0,"name":"drain","context":{}}` + "\n", want: "idset is missing"},
	} {
		w := newWorld()
		if c.log != "" {
			w.put(keyLog, c.log)
		}
		conf := map[string]any{}
		if c.resource != nil {
			conf["resource"] = c.resource
		}
		in := start(t, w, conf)
		if err := in.leader(c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %v: %v, want %q", c.resource, c.args, err, c.want)
		}
	}
}

func TestWaitUp(t *testing.T) {
	w := newWorld()
	w.groups["broker.online"] = "0"
	w.put(keyR, fourNodes)
	in := start(t, w, nil)
	if err := in.leader(); err != nil {
		t.Fatal(err)
	}
	in.expect("resource.monitor-waitup", m{"up": 1}, "")
	in.expect("resource.monitor-waitup", m{"up": 5}, "protocol error: up value is out of range")
	c, err := in.Go("resource.monitor-waitup", flux.NodeAny, m{"up": 3})
	if err != nil {
		t.Fatal(err)
	}
	w.setGroup("broker.online", "0-3")
	w.setGroup("broker.online", "0-2")
	if got := next(t, c); got != "" {
		t.Error(got)
	}
	in.expect("resource.monitor-force-down", m{"ranks": "2"}, "")
	in.expect("resource.monitor-waitup", m{"up": 2}, "")
	if s := in.call("resource.monitor-force-down", m{"ranks": "foo"}); !strings.HasPrefix(s, "invalid argument") {
		t.Error(s)
	}
}

// What others keep in a stored R beside what is ours stays there.
func TestStoredRIsNotRewritten(t *testing.T) {
	w := newWorld()
	marked := strings.Replace(fourNodes, `{"version":1,`, `{"version":1,"marker":"mine",`, 1)
	w.put(keyR, marked)
	in := start(t, w, nil)
	if err := in.leader(); err != nil {
		t.Fatal(err)
	}
	if w.get(keyR) != marked {
		t.Errorf("%s: %s", keyR, w.get(keyR))
	}
}

// TestExpirationBeforeR: who tells early when the resources end is heard.
func TestExpirationBeforeR(t *testing.T) {
	w := newWorld()
	in := start(t, w, nil)
	if err := in.leader(); err != nil {
		t.Fatal(err)
	}
	in.expect("resource.expiration-update", m{"expiration": 1234.5}, "")
	for i := 3; i > 0; i-- {
		f, _ := fakeNode{"fake" + string(rune('0'+i))}.Local(false)
		in.expect("resource.topo-reduce", rpc.ResourceReduce{Count: 1, Resource: f.onRank(uint32(i))}, "")
	}
	s, err := in.Stream("resource.acquire", flux.NodeAny, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := next(t, s); !strings.Contains(got, `"expiration":1234.5`) {
		t.Error(got)
	}
}
