// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/eventlog"
	"goflux/internal/link"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/jobid"
	"goflux/jobspec"
	"goflux/rset"
	"goflux/treeobj"
)

// TestMain lets the test binary be the shell: shells change directory, take
// signals and die, so each is a process.
func TestMain(m *testing.M) {
	if os.Getenv("SHELL_TEST_RUN") != "" {
		id, err := jobid.Parse(os.Args[1])
		if err != nil {
			panic(err)
		}
		if os.Getenv("SHELL_TEST_PATIENT") != "" {
			eventBatch = time.Hour
		}
		os.Exit(Run(Options{ID: id, InfoPath: os.Getenv(rpc.ShellInfoEnv), Stderr: os.Stderr, Reconnect: os.Getenv("SHELL_TEST_RECONNECT") != ""}))
	}
	os.Exit(m.Run())
}

const testID jobid.ID = 64525172736

// brokers are the brokers of an instance as far as shells see them: they route
// requests between shells, keep the job's streams, and hold barriers.
type brokers struct {
	t     *testing.T
	dir   string
	size  int
	owner uint32

	mu       sync.Mutex
	changed  *sync.Cond
	listen   []net.Listener
	clients  map[string]*peer
	services map[string]string // RANK/NAME → client
	streams  map[string]string
	kvs      map[string]string // JSON by key
	raised   []rpc.ShellRaise
	killed   []rpc.JobKill
	inside   []*message.Message // in the barrier
	next     int
	deaf     bool              // takes appends without answering
	notYet   int               // so often a service is refused, as before the broker is at work
	taken    map[string]uint64 // number of the last append by stream and writer
	seen     map[string]int    // requests by method
	greeting *message.Message  // sent to who offers a service, before that is answered
	offered  func()            // answers it
	asked    *message.Message  // the last request for another job
	client   *peer
}

type peer struct {
	id   string
	rank int
	conn *link.Stream
	subs []string
	got  chan *message.Message // of the test's own client
}

func newBrokers(t *testing.T, size int) *brokers {
	b := &brokers{
		t: t, dir: t.TempDir(), size: size, owner: uint32(os.Getuid()),
		clients: map[string]*peer{}, services: map[string]string{}, streams: map[string]string{},
		taken: map[string]uint64{}, seen: map[string]int{},
	}
	b.changed = sync.NewCond(&b.mu)
	b.listen = make([]net.Listener, size)
	b.client = &peer{id: "test", got: make(chan *message.Message, 100)}
	b.clients["test"] = b.client
	for rank := range size {
		b.up(rank)
	}
	t.Cleanup(func() {
		for rank := range size {
			b.down(rank)
		}
	})
	return b
}

func (b *brokers) path(rank int) string { return filepath.Join(b.dir, fmt.Sprintf("local-%d", rank)) }

func (b *brokers) up(rank int) {
	l, err := net.Listen("unix", b.path(rank))
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	b.listen[rank] = l
	b.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go b.serve(rank, c)
		}
	}()
}

// down closes a broker's connections.
func (b *brokers) down(rank int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listen[rank].Close()
	for _, p := range b.clients {
		if p.conn != nil && p.rank == rank {
			p.conn.Close()
		}
	}
}

func (b *brokers) serve(rank int, c net.Conn) {
	if _, err := c.Write([]byte{0}); err != nil {
		return
	}
	b.mu.Lock()
	b.next++
	p := &peer{id: fmt.Sprint("c", b.next), rank: rank, conn: link.NewStream(c, 0)}
	b.clients[p.id] = p
	b.mu.Unlock()
	for {
		m, err := p.conn.Recv()
		if err != nil {
			break
		}
		m.Cred = message.Cred{UserID: b.owner, Rolemask: message.RoleOwner}
		b.mu.Lock()
		b.route(p, m)
		b.changed.Broadcast()
		b.mu.Unlock()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.clients, p.id)
	for name, id := range b.services {
		if id == p.id {
			delete(b.services, name)
		}
	}
}

// send hands a message to a client. It is called with the lock held.
func (b *brokers) send(id string, m *message.Message) {
	p := b.clients[id]
	if p == nil {
		return
	}
	if p.got != nil {
		p.got <- m
		return
	}
	_ = p.conn.SendWait(m) // queued: a test has few messages
}

func (b *brokers) route(p *peer, m *message.Message) {
	if m.Type == message.TypeResponse {
		m, hop := m.PopRoute()
		b.send(hop, m)
		return
	}
	m = m.PushRoute(p.id)
	_, method, _ := strings.Cut(m.Topic, ".")
	b.seen[method]++
	rank := p.rank
	if m.NodeID != message.NodeAny {
		rank = int(m.NodeID)
	}
	if to, ok := b.services[fmt.Sprintf("%d/%s", rank, m.Service())]; ok {
		b.send(to, m)
		return
	}
	resp, err := b.answer(p, m)
	switch {
	case m.Is(message.FlagNoResponse), resp == nil && err == nil:
	case err != nil:
		b.send(p.id, drop(m.ErrorResponse(err)))
	default:
		r := m.Response()
		r.SetValue(resp)
		b.send(p.id, drop(r))
	}
}

func drop(m *message.Message) *message.Message { m, _ = m.PopRoute(); return m }

func (b *brokers) answer(p *peer, m *message.Message) (any, error) {
	switch m.Topic {
	case "service.add":
		var req rpc.ServiceName
		_ = m.Decode(&req)
		if b.notYet > 0 {
			b.notYet--
			return nil, syscall.EAGAIN
		}
		b.services[fmt.Sprintf("%d/%s", p.rank, req.Service)] = p.id
		if b.greeting != nil {
			b.send(p.id, b.greeting.PushRoute("test"))
			b.greeting, b.offered = nil, func() { b.send(p.id, drop(m.Response())) }
			return nil, nil
		}
		return struct{}{}, nil
	case "event.subscribe":
		var req rpc.Topic
		_ = m.Decode(&req)
		p.subs = append(p.subs, req.Topic)
		return struct{}{}, nil
	case "attr.get":
		return nil, syscall.ENOENT
	case "job-info.stream-append":
		var req rpc.JobStreamAppend
		_ = m.Decode(&req)
		if b.deaf {
			return nil, nil
		}
		writer := fmt.Sprint(req.Stream, " ", req.Writer)
		if req.Seq != 0 && req.Seq <= b.taken[writer] {
			return struct{}{}, nil
		}
		b.taken[writer] = req.Seq
		b.streams[req.Stream] += req.Data
		return struct{}{}, nil
	case "job-manager.raise":
		var req rpc.ShellRaise
		_ = m.Decode(&req)
		b.raised = append(b.raised, req)
		return struct{}{}, nil
	case "job-manager.kill":
		var req rpc.JobKill
		_ = m.Decode(&req)
		b.killed = append(b.killed, req)
		return struct{}{}, nil
	case "job-exec.shell-barrier":
		return b.barrier(m)
	case "job-agent.next":
		b.asked = m
		return nil, syscall.ENOENT
	case "kvs.lookup":
		var req rpc.KVSLookup
		_ = m.Decode(&req)
		if data, ok := b.kvs[req.Key]; ok {
			return rpc.KVSValue{Val: treeobj.JSON{Object: treeobj.Val{Data: []byte(data)}}}, nil
		}
		return nil, syscall.ENOENT
	case "job-info.update-watch":
		return nil, syscall.ENODATA
	}
	return nil, syscall.ENOSYS
}

func (b *brokers) barrier(m *message.Message) (any, error) {
	if b.inside = append(b.inside, m); len(b.inside) == b.size {
		for _, m := range b.inside {
			r := m.Response()
			r, hop := r.PopRoute()
			b.send(hop, r)
		}
		b.inside = nil
	}
	return nil, nil
}

// publish sends an event to the shells that want it.
func (b *brokers) publish(topic string, payload any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, p := range b.clients {
		for _, s := range p.subs {
			if strings.HasPrefix(topic, s) {
				b.send(id, message.NewEvent(topic, payload))
			}
		}
	}
}

// rpc sends a request to the shell on a rank and returns the answer.
func (b *brokers) rpc(rank int, method string, req any) *message.Message {
	b.t.Helper()
	b.request(rank, method, req, 0)
	return b.response()
}

func (b *brokers) request(rank int, method string, req any, flags message.Flags) {
	b.t.Helper()
	name := fmt.Sprintf("%d-shell-%s", os.Getuid(), testID.F58ASCII())
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.services[fmt.Sprintf("%d/%s", rank, name)] == "" {
		b.changed.Wait()
	}
	m := message.NewRequest(name+"."+method, uint32(rank), req)
	m.Matchtag = 7
	m.Flags |= flags
	m.Cred = message.Cred{UserID: b.owner, Rolemask: message.RoleOwner}
	b.send(b.services[fmt.Sprintf("%d/%s", rank, name)], m.PushRoute("test"))
}

func (b *brokers) response() *message.Message {
	b.t.Helper()
	select {
	case m := <-b.client.got:
		return m
	case <-time.After(20 * time.Second):
		b.t.Fatal("no answer")
	}
	return nil
}

// waitSeen waits until a method has been asked for so often.
func (b *brokers) waitSeen(method string, times int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.seen[method] < times {
		b.changed.Wait()
	}
}

// restart ends a broker and starts it again.
func (b *brokers) restart(rank int) {
	b.down(rank)
	_ = os.Remove(b.path(rank))
	b.up(rank)
}

// waitStream waits until a stream holds text.
func (b *brokers) waitStream(stream, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !strings.Contains(b.streams[stream], text) {
		b.changed.Wait()
	}
}

// testJob describes a job.
type testJob struct {
	command []string
	tasks   int
	cores   int // of each node
	options string
	attrs   map[string]string // JSON by path
	env     map[string]string
	info    func(*rpc.ShellInfo)
}

// running is a job under way.
type running struct {
	b     *brokers
	cmds  []*exec.Cmd
	errs  []*strings.Builder
	infos []string
}

func (b *brokers) run(j testJob) *running {
	b.t.Helper()
	spec, r := j.make(b)
	run := &running{b: b}
	for rank := range b.size {
		info := rpc.ShellInfo{
			ID: testID, UserID: b.owner, BrokerRank: uint32(rank), R: r, Jobspec: spec,
			Attrs: map[string]string{"rundir": b.dir, "jobid-path": "/", "instance-level": "0", "security.owner": fmt.Sprint(b.owner)},
		}
		if j.info != nil {
			j.info(&info)
		}
		raw, err := message.Marshal(info)
		if err != nil {
			b.t.Fatal(err)
		}
		dir := filepath.Join(b.dir, fmt.Sprintf("job-%d", rank))
		path := filepath.Join(dir, "info.json")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			b.t.Fatal(err)
		}
		cmd := exec.Command(shellPath(), testID.F58())
		var errs strings.Builder
		cmd.Stderr = &errs
		cmd.Env = append(os.Environ(), "SHELL_TEST_RUN=1", "LC_ALL=C.UTF-8", "FLUX_URI=local://"+b.path(rank), rpc.ShellInfoEnv+"="+path, "FLUX_KVS_NAMESPACE=job-1")
		if err := cmd.Start(); err != nil {
			b.t.Fatal(err)
		}
		run.cmds, run.errs, run.infos = append(run.cmds, cmd), append(run.errs, &errs), append(run.infos, path)
	}
	b.t.Cleanup(func() {
		for _, c := range run.cmds {
			_ = c.Process.Kill()
		}
	})
	return run
}

func (j *testJob) make(b *brokers) (spec, r []byte) {
	b.t.Helper()
	j.tasks, j.cores = max(j.tasks, 1), max(j.cores, 1)
	opts := j.options
	if opts == "" {
		opts = "{}"
	}
	js, err := jobspec.FromCommand(j.command, jobspec.Layout{Tasks: int64(j.tasks)}, jobspec.Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	env := map[string]string{"PATH": "/usr/bin:/bin"}
	for k, v := range j.env {
		env[k] = v
	}
	raw, err := message.Marshal(env)
	if err != nil {
		b.t.Fatal(err)
	}
	attrs := map[string]string{"system.shell.options": opts, "system.environment": string(raw), "system.cwd": fmt.Sprintf("%q", b.dir)}
	for k, v := range j.attrs {
		attrs[k] = v
	}
	for k, v := range attrs {
		if err := js.SetAttr(k, jsontext.Value(v)); err != nil {
			b.t.Fatal(err)
		}
	}
	if spec, err = js.MarshalJSON(); err != nil {
		b.t.Fatal(err)
	}
	return spec, makeR(b.t, b.size, j.cores, j.tasks)
}

func makeR(t *testing.T, nodes, cores, slots int) []byte {
	t.Helper()
	up := func(n int) string {
		if n == 1 {
			return "0"
		}
		return fmt.Sprintf("0-%d", n-1)
	}
	hosts := "host0"
	if nodes > 1 {
		hosts = fmt.Sprintf("host[0-%d]", nodes-1)
	}
	text := fmt.Sprintf(`{"version":1,"execution":{"R_lite":[{"rank":%q,"children":{"core":%q}}],"nodelist":[%q],"nslots":%d,"starttime":0,"expiration":0}}`,
		up(nodes), up(cores), hosts, slots)
	if _, err := rset.Parse([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return []byte(text)
}

// wait waits for all shells and returns their exit codes.
func (r *running) wait() []int {
	r.b.t.Helper()
	var codes []int
	for i, c := range r.cmds {
		_ = c.Wait()
		codes = append(codes, c.ProcessState.ExitCode())
		if text := r.errs[i].String(); text != "" {
			r.b.t.Logf("shell %d: %s", i, text)
		}
	}
	return codes
}

// output is what a stream of the job holds, by task rank.
func (b *brokers) output(stream string) map[string]string {
	b.t.Helper()
	out := map[string]string{}
	for _, e := range b.events("output") {
		var io rpc.IO
		if e.Name != "data" || e.UnmarshalContext(&io) != nil || io.Stream != stream {
			continue
		}
		data, err := io.Bytes()
		if err != nil {
			b.t.Fatal(err)
		}
		out[io.Rank] += string(data)
		if io.EOF {
			out[io.Rank] += "$"
		}
	}
	return out
}

func (b *brokers) events(stream string) []eventlog.Entry {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	list, err := eventlog.Parse([]byte(b.streams[stream]))
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

// names are the names of a stream's events, in order.
func (b *brokers) names(stream string) string {
	var out []string
	for _, e := range b.events(stream) {
		out = append(out, e.Name)
	}
	return strings.Join(out, " ")
}

// logs are the messages of the shells' logs.
func (b *brokers) logs() string {
	var out []string
	for _, e := range b.events("output") {
		var c logContext
		if e.Name == "log" && e.UnmarshalContext(&c) == nil {
			out = append(out, c.line())
		}
	}
	return strings.Join(out, "")
}

func (b *brokers) exceptions() []rpc.ShellRaise {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.raised
}

func shellPath() string {
	if p := os.Getenv("SHELL_PROGRAM"); p != "" {
		return p
	}
	return "/proc/self/exe"
}
