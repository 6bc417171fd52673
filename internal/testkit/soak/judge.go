// SPDX-License-Identifier: LGPL-3.0-or-later

package soak

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"goflux/flux"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// judge holds the history against what the instance knows.
func (s *soak) judge(ctx context.Context, v *Verdict) error {
	end, err := s.settle(ctx, v)
	if err != nil {
		return err
	}
	if err := s.cluster.stop(ctx); err != nil {
		v.take(Problem{unended, "brokers", err.Error()})
	}
	notes, err := readNotes(s.side)
	if err != nil {
		return err
	}
	h := s.history
	for _, p := range slices.Concat(checkJobs(h, end, notes), checkCores(end), checkRegisters(h.ops), s.crashes()) {
		v.take(p)
	}
	s.count(v, end)
	v.conclude()
	return s.write(end)
}

// count fills in the figures.
func (s *soak) count(v *Verdict, end map[string][]finalJob) {
	for _, f := range s.history.faults {
		if f.Rank == 0 {
			v.OfLeader++
		}
		switch f.Signal {
		case "KILL":
			v.Kills++
		case "TERM":
			v.Ends++
		default:
			v.Stops++
		}
	}
	for _, o := range s.history.ops {
		v.Operations++
		if o.Err != "" {
			v.Unknown++
		} else if o.Kind == opSubmit {
			v.Jobs++
		}
	}
	writes := func(rank int) func(from, to time.Duration) (time.Duration, bool) {
		return func(from, to time.Duration) (first time.Duration, ok bool) {
			for _, o := range s.history.ops {
				if (o.Kind == opPut || o.Kind == opSubmit) && o.Err == "" && (rank < 0 || rank == o.Rank) &&
					o.Call > from && o.Return < to && (!ok || o.Return < first) {
					first, ok = o.Return, true
				}
			}
			return first, ok
		}
	}
	v.FirstWrite = spread(gaps(s.history.faults, writes(-1)))
	v.EveryWrite = spread(gaps(s.history.faults, func(from, to time.Duration) (last time.Duration, ok bool) {
		for rank := range s.cluster.nodes {
			at, ok := writes(rank)(from, to)
			if !ok {
				at = to
			}
			if !s.struck(rank, from, at) {
				last = max(last, at)
			}
		}
		return last, last > 0 && last < to
	}))
	var starts []time.Duration
	for _, list := range end {
		for _, j := range list {
			if w, _ := legalWalk(j.eventlog); w != nil && w.start {
				starts = append(starts, time.Duration((w.startTime-float64(s.history.begin.UnixMicro())/1e6)*float64(time.Second)))
			}
		}
	}
	slices.Sort(starts)
	v.FirstStart = spread(gaps(s.history.faults, func(from, to time.Duration) (time.Duration, bool) {
		i, _ := slices.BinarySearch(starts, from)
		return starts[min(i, max(len(starts)-1, 0))], i < len(starts) && starts[i] < to
	}))
}

// struck tells whether a broker other than the leader, or one between it and the
// leader, was itself killed or stopped in a span of time, or had yet to recover.
func (s *soak) struck(rank int, from, to time.Duration) bool {
	for ; rank > 0; rank = (rank - 1) / fanout {
		for _, f := range s.history.faults {
			if f.Rank == rank && f.At < to && f.At+f.Length+restartMost+recovery > from {
				return true
			}
		}
	}
	return false
}

// recovery is how long a follower that was started again may take to serve.
const recovery = time.Second

// finalJob is a job as the instance knows it in the end.
type finalJob struct {
	id       jobid.ID
	state    string
	eventlog string
	output   string
	exec     string
	r        string
}

// settle waits until all is quiet and reads everything, as operations where
// they count as such, and jobs by name.
func (s *soak) settle(ctx context.Context, v *Verdict) (map[string][]finalJob, error) {
	c := &session{s: s, id: -1, rank: len(s.cluster.nodes) - 1}
	defer c.close()
	if err := s.await(ctx, startPatience, "drained nodes are told", func(ctx context.Context) (bool, error) { return s.status(ctx, c), nil }); err != nil {
		return nil, err
	}
	s.readKeys(ctx, c)
	if err := s.await(ctx, startPatience, "no node is drained", func(ctx context.Context) (bool, error) { return s.undrainAll(ctx, c), nil }); err != nil {
		return nil, err
	}
	s.say("waiting until all jobs have ended")
	for left := -1; left != 0; {
		before := left
		err := s.await(ctx, quietPatience, "jobs end", func(ctx context.Context) (bool, error) {
			if !c.connect(ctx) {
				return false, nil
			}
			jobs, err := listJobs(ctx, c.client, activeStates)
			left = len(jobs)
			return err == nil && left != before, err
		})
		if err != nil {
			v.take(Problem{unended, "jobs", err.Error()})
			break
		}
	}
	if !c.connect(ctx) {
		return nil, fmt.Errorf("the last broker does not answer")
	}
	jobs, err := listJobs(ctx, c.client, 0)
	if err != nil {
		return nil, fmt.Errorf("listing jobs: %w", err)
	}
	end := map[string][]finalJob{}
	for _, j := range jobs {
		f := finalJob{id: j.ID, state: strconv.Itoa(j.State)}
		docs, err := lookup(ctx, c.client, j.ID, "eventlog")
		if err != nil {
			return nil, fmt.Errorf("reading event log of job %s: %w", j.ID, err)
		}
		f.eventlog = docs["eventlog"]
		for key, to := range map[string]*string{"guest.output": &f.output, "guest.exec.eventlog": &f.exec, "R": &f.r} {
			if docs, err := lookup(ctx, c.client, j.ID, key); err == nil { // a job that did not start has none
				*to = docs[key]
			}
		}
		end[j.Name] = append(end[j.Name], f)
	}
	return end, nil
}

// readKeys reads every key once more.
func (s *soak) readKeys(ctx context.Context, c *session) {
	keys := map[string]bool{}
	for _, o := range s.history.ops {
		if o.Kind == opPut {
			keys[o.Key] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		c.do(ctx, Op{Kind: opGet, Key: key}, func(ctx context.Context, client *flux.Client) (string, error) { return kvsGet(ctx, client, key) })
	}
}

func (s *soak) undrainAll(ctx context.Context, c *session) bool {
	all := true
	for rank := range s.cluster.nodes {
		key := strconv.Itoa(rank)
		all = c.do(ctx, Op{Kind: opUndrain, Key: key}, func(ctx context.Context, client *flux.Client) (string, error) {
			return "", client.RPC(ctx, "resource.undrain", 0, rpc.ResourceDrain{Targets: key, Mode: "update"}, nil)
		}) && all
	}
	return all
}

// activeStates is the mask of all states but INACTIVE, inactiveState that one.
const (
	activeStates  = 62
	inactiveState = 64
)

type listedJob struct {
	ID    jobid.ID `json:"id"`
	Name  string   `json:"name"`
	State int      `json:"state"`
}

// listJobs lists the jobs in some states; 0 for all.
func listJobs(ctx context.Context, client *flux.Client, states int) ([]listedJob, error) {
	var resp struct {
		Jobs []listedJob `json:"jobs"`
	}
	err := client.RPC(ctx, "job-list.list", flux.NodeAny, rpc.JobList{Attrs: []string{"name", "state"}, States: states}, &resp)
	return resp.Jobs, err
}

// everyBrokerOnline asks the leader, by the last broker.
func (s *soak) everyBrokerOnline(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, opPatience)
	defer cancel()
	client, err := flux.Open(ctx, s.cluster.uri(len(s.cluster.nodes)-1))
	if err != nil {
		return false, err
	}
	defer client.Close()
	var st rpc.ResourceStatus
	if err := client.RPC(ctx, "resource.status", 0, nil, &st); err != nil {
		return false, err
	}
	if st.Online != fmt.Sprintf("0-%d", len(s.cluster.nodes)-1) {
		return false, fmt.Errorf("online: %s", st.Online)
	}
	if _, err := listJobs(ctx, client, activeStates); err != nil {
		return false, err
	}
	return true, nil
}

// crashes are brokers that ended by themselves, or said more than they should.
func (s *soak) crashes() []Problem {
	var problems []Problem
	for _, n := range s.cluster.nodes {
		for code, times := range n.codes {
			problems = append(problems, Problem{crashed, fmt.Sprint("broker ", n.rank), fmt.Sprintf("ended by itself with exit status %d, %d times", code, times)})
		}
		b, err := os.ReadFile(filepath.Join(n.dir, "log"))
		if err != nil {
			continue // it was never started, which is told elsewhere
		}
		for _, sign := range []string{"\npanic:", "\nfatal error:", "goroutine 1 [", "panicked"} {
			if i := bytes.Index(b, []byte(sign)); i >= 0 {
				problems = append(problems, Problem{crashed, fmt.Sprint("broker ", n.rank), string(b[i:min(i+300, len(b))])})
				break
			}
		}
	}
	return problems
}

// write keeps everything for reading.
func (s *soak) write(end map[string][]finalJob) error {
	if err := s.history.write(filepath.Join(s.opt.Dir, "history")); err != nil {
		return err
	}
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(end)) {
		for _, j := range end[name] {
			fmt.Fprintf(&b, "== %s %s %s\n%s%s%s", name, j.id.F58ASCII(), j.state, j.eventlog, j.exec, j.output)
		}
	}
	return os.WriteFile(filepath.Join(s.opt.Dir, "jobs"), b.Bytes(), 0o600)
}
