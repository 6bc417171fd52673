// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"goflux/flux"
	"goflux/internal/install"
	"goflux/internal/message"
	"goflux/internal/pmi"
	"goflux/internal/rpc"
	"goflux/taskmap"
)

const pmiChannel = "PMI_FD"

// exchangeFanout is the width of the tree in which the shells exchange keys.
const exchangeFanout = 2

// pmiServer is the process manager of the tasks (RFC 13): an MPI program's
// processes find each other by it, and so do the brokers of an instance.
// Keys are exchanged between the shells when all tasks are in a barrier.
type pmiServer struct {
	s       *Shell
	host    *pmi.Host // nil when switched off
	aborted bool
	exchange
}

func (p *pmiServer) init() error {
	kinds, kvs, nomap, k := "simple", "exchange", false, 0
	opts := p.s.job.opts
	err := firstError(
		opts.str("pmi", &kinds),
		opts.object("pmi-simple"),
		opts.only("pmi-simple", "nomap", "kvs", "exchange"),
		opts.only("pmi-simple.exchange", "k"),
		opts.str("pmi-simple.kvs", &kvs),
		opts.flag("pmi-simple.nomap", &nomap),
		opts.num("pmi-simple.exchange.k", &k),
	)
	if err != nil {
		return err
	}
	if kvs != "exchange" && kvs != "native" { // both are one here
		return fmt.Errorf("pmi-simple: kvs=%s is not known: use exchange", kvs)
	}
	if !slices.ContainsFunc(strings.Split(kinds, ","), func(k string) bool { return k == "simple" || k == "pmi1" || k == "pmi2" }) {
		return nil
	}
	p.s.log.debugf("pmi-simple", "simple wire protocol is enabled")
	p.exchange.s = p.s
	p.exchange.open(k)
	ranks := make([]int, len(p.s.tasks))
	for i, t := range p.s.tasks {
		ranks[i] = t.rank
	}
	server := pmi.NewServer(pmi.Config{
		Size: p.s.plan.ntasks, Ranks: ranks,
		KVSName: p.s.idText(), // the broker of an instance takes its job id from it
		Preset:  p.preset(nomap),
	})
	p.host = pmi.NewHost(server, p.hooks())
	return nil
}

// hooks run on the goroutines of the connections; what they do is the loop's.
func (p *pmiServer) hooks() pmi.Hooks {
	h := pmi.Hooks{
		Abort: func(a pmi.Abort) { p.s.post(func() { p.abort(a) }) },
		Warn:  func(text string) { p.s.post(func() { p.s.log.warnf("pmi-simple", "%s", text) }) },
	}
	if p.s.plan.size() > 1 {
		h.Exchange = func(puts map[string]string, done func(map[string]string, error)) {
			p.s.post(func() { p.exchange.begin(puts, func(all map[string]string, err error) { go done(all, err) }) })
		}
	}
	if p.s.verbose > 0 {
		h.Trace = func(rank int, dir byte, line string) {
			p.s.post(func() { p.s.log.tracef("pmi-simple", "%d: %c: %s", rank, dir, strings.TrimSpace(line)) })
		}
	}
	return h
}

// preset are the keys that are there from the start: where the tasks are, and
// what an instance started as this job wants to know.
func (p *pmiServer) preset(nomap bool) map[string]string {
	keys := map[string]string{}
	if !nomap {
		p.addMap(keys, "PMI_process_mapping", taskmap.PMI)
		p.addMap(keys, "flux.taskmap", taskmap.Wrapped)
	}
	if level, err := strconv.Atoi(p.s.attr("instance-level")); err == nil {
		keys["flux.instance-level"] = strconv.Itoa(level + 1)
	}
	if hint := p.s.attr("tbon.interface-hint"); hint != "" {
		keys["flux.tbon-interface-hint"] = hint
	}
	return keys
}

// addMap leaves out a map that does not fit a value: MPI does without.
func (p *pmiServer) addMap(keys map[string]string, key string, form taskmap.Form) {
	text, err := p.s.plan.tasks.Encode(form)
	if err == nil && len(text) < pmi.MaxValue {
		keys[key] = text
		return
	}
	if p.s.leader() {
		p.s.log.warnf("pmi-simple", "%s overflows PMI max value.", key)
	}
}

func (p *pmiServer) abort(a pmi.Abort) {
	p.aborted = true
	note := "PMI_Abort"
	if a.Message != "" {
		note += ": " + a.Message
	}
	p.s.raise("exec", 0, note, nil)
}

func (p *pmiServer) prepareTask(t *task) error {
	if p.host == nil {
		return nil
	}
	t.spec.Channels = append(t.spec.Channels, pmiChannel)
	t.env["PMI_RANK"] = strconv.Itoa(t.rank)
	t.env["PMI_SIZE"] = strconv.Itoa(p.s.plan.ntasks)
	if lib, ok := install.Builtin("pmi_library_path"); ok {
		if _, err := os.Stat(lib); err == nil {
			t.env["FLUX_PMI_LIBRARY_PATH"] = lib
			t.env["LD_LIBRARY_PATH"] = strings.TrimSuffix(filepath.Dir(lib)+":"+p.s.job.env["LD_LIBRARY_PATH"], ":")
		}
	}
	return nil
}

func (p *pmiServer) taskStarted(t *task) {
	conn := t.proc.Channels[pmiChannel]
	if conn == nil {
		return
	}
	go func() {
		if err := p.host.Serve(t.rank, conn); err != nil {
			p.s.post(func() { p.broken(err) })
		}
	}()
}

// broken is told of a client that breaks the protocol. Those that are being
// killed after an abort may.
func (p *pmiServer) broken(err error) {
	p.s.log.errorf("pmi-simple", "%v", err)
	if !p.aborted {
		p.s.die(1, "PMI-1 wire protocol error")
	}
}

func (p *pmiServer) shellLost(int) { p.exchange.fail(syscall.EHOSTUNREACH) }

// exchange gathers keys up a tree of the shells to the leader, and hands all
// of them down again. One is under way at a time. They are counted, so that a
// child that lost the answer can ask again.
type exchange struct {
	s        *Shell
	parent   int // −1 for the leader
	children int

	seq     int  // of the one under way, or the next
	local   bool // this shell's tasks are in the barrier
	asked   bool // what has been gathered is on its way up
	keys    map[string]string
	waiting map[int]*flux.Message // requests of the children
	done    func(map[string]string, error)
	last    map[string]string // what came of the one before
}

func (x *exchange) open(k int) {
	size, rank := x.s.plan.size(), x.s.plan.self
	switch {
	case k <= 0:
		k = exchangeFanout
	case rank > 0: // one tells of it
	case k > size:
		x.s.log.warnf("pmi-simple", "exchange.k is more than the number of nodes: using k=%d, all of them ask the first", size)
	default:
		x.s.log.warnf("pmi-simple", "using k=%d", k)
	}
	x.parent = -1
	if rank > 0 {
		x.parent = (rank - 1) / k
	}
	first := rank*k + 1
	x.children = max(0, min(first+k, size)-first)
	x.seq = 1
	x.reset()
	x.s.service.handle("pmi-exchange", handler(x.s, x.child))
}

// begin is called when the local tasks are in the barrier.
func (x *exchange) begin(puts map[string]string, done func(map[string]string, error)) {
	x.local, x.done = true, done
	x.gather(puts)
}

// child serves pmi-exchange: the keys of a shell below, answered with all.
func (x *exchange) child(m *flux.Message, req *rpc.ShellExchange) error {
	if req.Seq == x.seq-1 && x.last != nil {
		x.s.link.respond(m, x.last)
		return nil
	}
	if req.Seq != x.seq || len(x.waiting) == x.children && x.waiting[req.ShellRank] == nil {
		return message.Errorf(syscall.EINPROGRESS, "pmi-exchange received too many child requests")
	}
	x.waiting[req.ShellRank] = m
	x.gather(req.Keys)
	return nil
}

func (x *exchange) gather(puts map[string]string) {
	for k, v := range puts {
		x.keys[k] = v
	}
	if !x.local || len(x.waiting) < x.children || x.asked {
		return
	}
	if x.parent < 0 {
		x.finish(x.keys)
		return
	}
	x.asked = true
	req := rpc.ShellExchange{ShellRank: x.s.plan.self, Seq: x.seq, Keys: x.keys}
	x.s.ask(x.parent, "pmi-exchange", req, func(m *flux.Message, err error) {
		all := map[string]string{}
		if err == nil {
			err = m.Decode(&all)
		}
		if err != nil {
			x.s.log.warnf("pmi-simple", "pmi-exchange request: %s", flux.ErrorText(err))
			x.fail(err)
			return
		}
		x.finish(all)
	})
}

func (x *exchange) finish(all map[string]string) {
	if x.s.link.reconnect {
		x.last = all
	}
	x.seq++
	waiting, done := x.reset()
	for _, m := range waiting {
		x.s.link.respond(m, all)
	}
	done(all, nil)
}

// fail ends the exchange that is under way, if one is.
func (x *exchange) fail(err error) {
	x.last = nil
	x.seq++
	waiting, done := x.reset()
	for _, m := range waiting {
		x.s.link.fail(m, err)
	}
	if done != nil {
		done(nil, err)
	}
}

func (x *exchange) reset() (map[int]*flux.Message, func(map[string]string, error)) {
	waiting, done := x.waiting, x.done
	x.local, x.asked, x.waiting, x.done, x.keys = false, false, map[int]*flux.Message{}, nil, map[string]string{}
	return waiting, done
}
