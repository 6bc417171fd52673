// SPDX-License-Identifier: LGPL-3.0-or-later

package kvs

import (
	"slices"
	"syscall"
	"time"

	core "goflux/internal/core/kvs"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobid"
	"goflux/treeobj"
)

// Leader is the registration on the leader.
func Leader() *service.Registration {
	return &service.Registration{
		Name: "kvs",
		New:  newKVS,
		Methods: []service.Method{
			service.Deferred("kvs.commit", service.Guests, held((*kvs).commit)),
			service.Deferred("kvs.lookup", service.Guests, held((*kvs).lookup)),
			service.Deferred("kvs.lookup-plus", service.Guests, held((*kvs).lookupPlus)),
			service.Deferred("kvs.getroot", service.Guests, heldUnary((*kvs).getroot)),
			service.Deferred("kvs.wait-version", service.Guests, held((*kvs).waitVersion)),
			service.Deferred("kvs.namespace-create", service.Owner, held((*kvs).namespaceCreate)),
			service.Deferred("kvs.namespace-remove", service.Owner, held((*kvs).namespaceRemove)),
			service.Deferred("kvs.namespace-list", service.Owner, heldUnary((*kvs).namespaceList)),
			service.Unary("kvs.setroot-pause", service.Guests, (*kvs).pause),
			service.Unary("kvs.setroot-unpause", service.Guests, (*kvs).pause),
			service.Raw("kvs.dropcache", service.Owner, (*kvs).dropCache),
			service.Deferred("kvs.versions", service.Owner, held((*kvs).follow)),
			service.Deferred("kvs.cancel", service.Owner, (*kvs).cancel),
		},
	}
}

// Follower is the registration on the other brokers: all but statistics is
// passed on towards the leader.
func Follower() *service.Registration {
	return &service.Registration{
		Name:  "kvs",
		Relay: true,
		New:   func(service.Host, []string) (any, error) { return follower{}, nil },
	}
}

// follower holds nothing.
type follower struct{}

// Stats implements service.Statser: a relay has none of its own.
func (follower) Stats() any {
	return rpc.KVSStats{Namespace: map[string]rpc.KVSNamespaceStats{core.Primary: {}}}
}

// kvs is the leader's instance.
type kvs struct {
	h       service.Host
	m       *core.Machine
	hash    treeobj.Hash
	opt     options
	owner   uint32
	lasting bool // the state outlives the instance

	lastID  uint64
	calls   map[uint64]*service.Call // commits and waits for versions, by id
	jobLogs map[uint64][]jobid.ID    // commits that write to jobs' event logs
	lookups int                      // lookups that wait
	feeds   map[string]*service.Streams[struct{}]
	commits spread
	// fleeting are the namespaces that are not kept, there being nothing in them.
	fleeting map[string]bool

	ready bool    // the namespaces are as they were saved
	early []early // requests that came before that

	period  time.Duration
	timer   service.Timer
	saved   int    // version at the last periodic checkpoint
	saving  uint64 // the checkpoint that unloading waits for
	stopped func() // to be called after it
}

func newKVS(h service.Host, args []string) (any, error) {
	opt, err := parseOptions(args)
	if err != nil {
		return nil, err
	}
	s := &kvs{
		h: h, opt: opt, calls: map[uint64]*service.Call{}, jobLogs: map[uint64][]jobid.ID{},
		feeds: map[string]*service.Streams[struct{}]{}, fleeting: map[string]bool{},
	}
	if s.period, err = checkpointPeriod(h.Config()); err != nil {
		return nil, err
	}
	name, _ := h.Attr("content.hash")
	if s.hash, err = treeobj.ParseHash(name); err != nil {
		return nil, message.Errorf(syscall.EINVAL, "content.hash: %v", err)
	}
	s.owner = uint32(syscall.Getuid())
	cleanup, _ := h.Attr("statedir-cleanup")
	s.lasting = cleanup != "1"
	s.m = core.New(core.Options{Hash: s.hash, NoMerge: opt.noMerge})
	return s, nil
}

// Reconfigure implements service.Configurable.
func (s *kvs) Reconfigure() error {
	period, err := checkpointPeriod(s.h.Config())
	if err != nil {
		return err
	}
	if period != s.period {
		s.period = period
		s.schedule()
	}
	return nil
}

// EndBatch implements service.Batcher: the transactions that came in together
// are merged.
func (s *kvs) EndBatch() { s.advance() }

// advance does what the machine asks for.
func (s *kvs) advance() {
	for {
		effects := s.m.Advance()
		if len(effects) == 0 {
			return
		}
		for _, e := range effects {
			s.effect(e)
		}
	}
}

func (s *kvs) effect(e core.Effect) {
	switch e := e.(type) {
	case core.Load:
		s.load(e.Ref)
	case core.Persist:
		s.persist(&e)
	case core.Done:
		s.done(&e)
	case core.Version:
		s.publish(&e)
	case core.Found:
		s.lookups--
		e.Lookup.Tag.(func(core.Result))(e.Result)
	case core.Reached:
		c := s.take(e.ID)
		if c == nil {
			return
		}
		if e.Err != nil {
			c.Fail(e.Err)
			return
		}
		c.Respond(rpc.KVSRoot{Rootref: e.Root, Rootseq: e.Seq})
	case core.Gone:
		s.endFeeds(e.Namespace)
	}
}

// keep remembers a call by an id for the machine.
func (s *kvs) keep(c *service.Call) uint64 {
	s.lastID++
	s.calls[s.lastID] = c
	return s.lastID
}

func (s *kvs) take(id uint64) *service.Call {
	c := s.calls[id]
	delete(s.calls, id)
	return c
}

// Disconnect implements service.Disconnecter.
func (s *kvs) Disconnect(sender string) {
	s.early = slices.DeleteFunc(s.early, func(e early) bool { return e.call.Msg.Sender() == sender })
	for id, c := range s.calls {
		if c.Msg.Sender() == sender && c.Msg.Topic == "kvs.wait-version" {
			delete(s.calls, id)
			s.m.ForgetWait(id)
		}
	}
	for _, f := range s.feeds {
		f.Disconnect(sender, nil)
	}
}

// load fetches a blob for the machine.
func (s *kvs) load(ref string) {
	hash, digest, err := treeobj.ParseBlobref(ref)
	if err == nil && hash != s.hash {
		err = message.Errorf(syscall.EINVAL, "%s: content is hashed by %s", ref, s.hash)
	}
	if err != nil {
		s.m.Loaded(ref, nil, err)
		return
	}
	s.h.Request(service.Request{Topic: "content.load", NodeID: message.NodeAny, Payload: digest}, func(m *message.Message) {
		s.m.Loaded(ref, m.Payload(), m.Err())
	})
}
