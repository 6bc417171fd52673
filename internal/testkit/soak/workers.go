// SPDX-License-Identifier: LGPL-3.0-or-later

package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"goflux/flux"
	"goflux/idset"
	"goflux/internal/rpc"
	"goflux/internal/sign"
	"goflux/jobid"
	"goflux/treeobj"
)

// How long the clients of a kind pause between operations, on average. Those
// of the KVS are quick: by them it is seen how long there was no service.
const (
	submitPause = 600 * time.Millisecond
	kvsPause    = 40 * time.Millisecond
	drainPause  = 800 * time.Millisecond
	lookPause   = 300 * time.Millisecond
)

// keyLife is how long a KVS key is in use, which bounds the history of one.
const keyLife = 15 * time.Second

// urgencyDefault is RFC 30's.
const urgencyDefault = 16

// workers are the clients: for each broker one of each kind.
func (s *soak) workers() []func(context.Context) {
	var all []func(context.Context)
	watched := &watched{}
	for rank := range s.cluster.nodes {
		for i, work := range []func(context.Context, *session, *rand.Rand){
			func(ctx context.Context, c *session, rnd *rand.Rand) { s.submitter(ctx, c, rnd, watched) },
			func(ctx context.Context, c *session, rnd *rand.Rand) { s.looker(ctx, c, rnd, watched) },
			s.writer, s.drainer,
		} {
			id := rank*10 + i
			rnd := s.random("client " + strconv.Itoa(id))
			all = append(all, func(ctx context.Context) {
				c := &session{s: s, id: id, rank: rank}
				defer c.close()
				for ctx.Err() == nil {
					work(ctx, c, rnd)
				}
			})
		}
	}
	return all
}

// below is a random time below d.
func below(rnd *rand.Rand, d time.Duration) time.Duration { return time.Duration(rnd.Int64N(int64(d))) }

// around is a random time of that average.
func around(rnd *rand.Rand, d time.Duration) time.Duration { return d/2 + below(rnd, d) }

// watched are the last jobs that were acknowledged.
type watched struct {
	mu   sync.Mutex
	jobs []*plannedJob
}

// watchedMost is how many jobs are looked at.
const watchedMost = 40

func (w *watched) add(j *plannedJob) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.jobs = append(w.jobs, j); len(w.jobs) > watchedMost {
		w.jobs = w.jobs[1:]
	}
}

func (w *watched) pick(rnd *rand.Rand) *plannedJob {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.jobs) == 0 {
		return nil
	}
	return w.jobs[rnd.IntN(len(w.jobs))]
}

// submitter submits a job and, sometimes, cancels it.
func (s *soak) submitter(ctx context.Context, c *session, rnd *rand.Rand, w *watched) {
	pause(ctx, around(rnd, submitPause))
	if !c.connect(ctx) {
		return
	}
	j := s.planJob(rnd, fmt.Sprintf("j%d-%d", c.id, rnd.Uint32()))
	request := sign.None(uint32(os.Getuid()), j.jobspec(s.side))
	s.history.plan(j)
	ok := c.do(ctx, Op{Kind: opSubmit, Key: j.Name}, func(ctx context.Context, client *flux.Client) (string, error) {
		var id rpc.JobID
		err := client.RPC(ctx, "job-ingest.submit", flux.NodeAny, &rpc.JobSubmit{J: request, Urgency: urgencyDefault}, &id)
		j.id = id.ID
		return id.ID.Dec(), err
	})
	if !ok {
		return
	}
	if j.Cancel {
		pause(ctx, below(rnd, j.duration()))
		s.cancel(ctx, c, j)
	}
	w.add(j)
}

func (s *soak) cancel(ctx context.Context, c *session, j *plannedJob) {
	c.do(ctx, Op{Kind: opCancel, Key: j.Name}, func(ctx context.Context, client *flux.Client) (string, error) {
		return "", client.RPC(ctx, "job-manager.raise", flux.NodeAny, rpc.JobRaise{ID: j.id, Type: "cancel", Note: "enough"}, nil)
	})
}

// looker looks at the event log of a job.
func (s *soak) looker(ctx context.Context, c *session, rnd *rand.Rand, w *watched) {
	pause(ctx, around(rnd, lookPause))
	j := w.pick(rnd)
	if j == nil {
		return
	}
	c.do(ctx, Op{Kind: opLook, Key: j.Name}, func(ctx context.Context, client *flux.Client) (string, error) {
		docs, err := lookup(ctx, client, j.id, "eventlog")
		return docs["eventlog"], err
	})
}

// lookup reads documents of a job.
func lookup(ctx context.Context, client *flux.Client, id jobid.ID, keys ...string) (map[string]string, error) {
	var resp map[string]any
	if err := client.RPC(ctx, "job-info.lookup", flux.NodeAny, rpc.JobInfoLookup{ID: id, Keys: keys}, &resp); err != nil {
		return nil, err
	}
	docs := map[string]string{}
	for k, v := range resp {
		if text, ok := v.(string); ok {
			docs[k] = text
		}
	}
	return docs, nil
}

// writer writes and reads KVS keys.
func (s *soak) writer(ctx context.Context, c *session, rnd *rand.Rand) {
	pause(ctx, around(rnd, kvsPause))
	key := fmt.Sprintf("soak.a%d.k%d", s.history.now()/keyLife, rnd.IntN(2))
	if rnd.IntN(2) == 0 {
		c.do(ctx, Op{Kind: opGet, Key: key}, func(ctx context.Context, client *flux.Client) (string, error) { return kvsGet(ctx, client, key) })
		return
	}
	value := fmt.Sprintf("%d.%d", c.id, rnd.Uint32())
	c.do(ctx, Op{Kind: opPut, Key: key, Value: value}, func(ctx context.Context, client *flux.Client) (string, error) {
		req := rpc.KVSCommit{Namespace: "primary", Ops: []rpc.KVSOp{rpc.KVSPut(key, treeobj.Val{Data: []byte(value)})}}
		return "", client.RPC(ctx, "kvs.commit", flux.NodeAny, &req, nil)
	})
}

// kvsGet reads a key; one that is not there is "".
func kvsGet(ctx context.Context, client *flux.Client, key string) (string, error) {
	var v rpc.KVSValue
	err := client.RPC(ctx, "kvs.lookup", flux.NodeAny, &rpc.KVSLookup{Key: key, Namespace: "primary"}, &v)
	if errors.Is(err, syscall.ENOENT) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	val, ok := v.Val.Object.(treeobj.Val)
	if !ok {
		return "", fmt.Errorf("%s is no value", key)
	}
	return string(val.Data), nil
}

// drainer drains a node, or returns one to service, and looks at all.
func (s *soak) drainer(ctx context.Context, c *session, rnd *rand.Rand) {
	pause(ctx, around(rnd, drainPause))
	rank := strconv.Itoa(rnd.IntN(s.opt.Brokers))
	// More often in service than out of it, or no large job would ever start.
	if rnd.IntN(3) == 0 {
		reason := fmt.Sprintf("%d.%d", c.id, rnd.Uint32())
		c.do(ctx, Op{Kind: opDrain, Key: rank, Value: reason}, func(ctx context.Context, client *flux.Client) (string, error) {
			return "", client.RPC(ctx, "resource.drain", 0, rpc.ResourceDrain{Targets: rank, Reason: &reason, Mode: "force-overwrite"}, nil)
		})
	} else {
		c.do(ctx, Op{Kind: opUndrain, Key: rank}, func(ctx context.Context, client *flux.Client) (string, error) {
			return "", client.RPC(ctx, "resource.undrain", 0, rpc.ResourceDrain{Targets: rank, Mode: "update"}, nil)
		})
	}
	s.status(ctx, c)
}

// status reads the drain reasons of all nodes: an operation a node.
func (s *soak) status(ctx context.Context, c *session) bool {
	if !c.connect(ctx) {
		return false
	}
	call := s.history.now()
	asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), opPatience)
	defer cancel()
	var st rpc.ResourceStatus
	if err := c.client.RPC(asked, "resource.status", 0, nil, &st); err != nil {
		if asked.Err() != nil {
			c.close()
		}
		pause(ctx, tryAgain)
		return false // what was not read says nothing
	}
	reasons := map[string]string{}
	for ids, d := range st.Drain {
		if set, err := idset.Parse(ids); err == nil {
			for id := range set.All() {
				reasons[strconv.Itoa(int(id))] = d.Reason
			}
		}
	}
	now := s.history.now()
	for rank := range s.opt.Brokers {
		key := strconv.Itoa(rank)
		s.history.add(Op{Kind: opStatus, Client: c.id, Rank: c.rank, Call: call, Return: now, Key: key, Value: reasons[key]})
	}
	return true
}
