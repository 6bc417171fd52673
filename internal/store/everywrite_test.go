// SPDX-License-Identifier: LGPL-3.0-or-later

package store

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"goflux/internal/testkit/faultdisk"
)

// make soak-crash tries all points; make check as many as it has time for.
var allPoints = flag.Bool("all-points", false, "crash at every write and sync")

// traceLength is how many operations an instance's trace has.
const traceLength = 1000

// tracer makes up what the services of an instance commit, from a seed.
type tracer struct {
	rng      *rand.Rand
	next     uint64
	active   []uint64
	finished []uint64
	n        int
}

func (tr *tracer) pick(ids []uint64) int { return tr.rng.IntN(len(ids)) }

func (tr *tracer) text(n int) []byte { return bytes.Repeat([]byte{byte('a' + tr.n%26)}, n) }

// step is one operation of an instance.
func (tr *tracer) step() *Batch {
	b := &Batch{}
	tr.n++
	kind := tr.rng.IntN(100)
	if len(tr.active) == 0 {
		kind = 0
	}
	switch {
	case kind < 25: // submission
		tr.next += 1 + uint64(tr.rng.IntN(9))
		tr.active = append(tr.active, tr.next)
		b.PutJob(&Job{ID: tr.next, UserID: uint32(tr.rng.IntN(5)), Fields: map[string][]byte{"jobspec": tr.text(tr.rng.IntN(1500))}})
		b.SetMeta("max_jobid", fmt.Append(nil, tr.next))
		b.AppendEvents(tr.next, fmt.Appendf(nil, "submit%d ", tr.n))
	case kind < 50: // state events, an allocation, output
		id := tr.active[tr.pick(tr.active)]
		b.AppendEvents(id, fmt.Appendf(nil, "alloc%d ", tr.n))
		b.SetField(id, "R", tr.text(tr.rng.IntN(300)))
		b.AppendStream(id, "output", tr.text(tr.rng.IntN(3000)))
	case kind < 65: // KVS commit
		for i := range 1 + tr.rng.IntN(4) {
			data := append(fmt.Appendf(nil, "%d.%d", tr.n, i), tr.text(tr.rng.IntN(600))...)
			b.PutObject(raw(data), data)
		}
		b.PutCheckpoint(fmt.Appendf(nil, `{"rootref":"%d"}`, tr.n), tr.rng.IntN(10) != 0)
		b.SetMeta("kvs.namespace.x", fmt.Append(nil, tr.n))
	case kind < 72: // drain
		b.AppendStream(0, "resource.eventlog", fmt.Appendf(nil, "drain%d\n", tr.n))
	case kind < 77: // queue stop
		b.SetMeta("queues", fmt.Appendf(nil, "stopped%d", tr.n))
	case kind < 94: // cancel, or end
		i := tr.pick(tr.active)
		id := tr.active[i]
		tr.active = append(tr.active[:i:i], tr.active[i+1:]...)
		tr.finished = append(tr.finished, id)
		b.AppendEvents(id, []byte("clean"))
		b.FinishJob(&FinishedJob{ID: id, Result: 1 << tr.rng.IntN(4), TInactive: float64(tr.n), Queue: []string{"a", "b"}[tr.n%2],
			Records: map[string][]byte{"eventlog": fmt.Appendf(nil, "log%d", tr.n)}})
	default: // purge
		if len(tr.finished) > 10 {
			b.PurgeJobs(tr.finished[:5]...)
			tr.finished = tr.finished[5:]
		}
		b.SetMeta("purged", fmt.Append(nil, tr.n))
	}
	return b
}

func opener(disk *faultdisk.Disk) func(string, int, os.FileMode) (File, error) {
	return func(name string, flag int, perm os.FileMode) (File, error) { return disk.OpenFile(name, flag, perm) }
}

// fastDir is a directory in memory, where that can be had: what opens thousands
// of stores need not wait for a disk.
func fastDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "store")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// smallDisk has a small reserve, which takes no time to make.
func smallDisk(string) (free, total int64, err error) { return 1 << 40, 20 << 20, nil }

// difference is where a state parts from the one that is most like it.
func difference(got string, states []string) string {
	i, want := 0, ""
	for _, s := range states {
		n := 0
		for n < min(len(got), len(s)) && got[n] == s[n] {
			n++
		}
		if n > i {
			i, want = n, s
		}
	}
	end := func(s string) string { return s[max(0, i-40):min(len(s), i+100)] }
	return fmt.Sprintf("it has\n%s\nwhere the answers have\n%s", end(got), end(want))
}

// recordTrace runs a trace over a recording disk. Its operations are marked
// with how many batches had been answered. states are what the store holds
// after each number of batches.
func recordTrace(t *testing.T, length int) (ops []faultdisk.Op, states []string) {
	dir := fastDir(t)
	disk := faultdisk.Watch(t, dir)
	s := open(t, filepath.Join(dir, FileName), Options{Lasting: true, VFS: faultdisk.VFS, OpenFile: opener(disk), CheckpointPages: 60, Space: smallDisk})
	ref := open(t, filepath.Join(fastDir(t), FileName), Options{})
	tr := tracerOf(7)
	answered := 0
	states = append(states, state(t, ref))
	for n := 0; n < length; {
		group := min(1+tr.rng.IntN(3), length-n)
		done := make(chan error, group)
		for range group {
			b := tr.step()
			must(t, ref, func(r *Batch) { r.ops, r.jobs = b.ops, b.jobs })
			states = append(states, state(t, ref))
			s.Commit(b, func(err error) {
				answered++
				disk.Mark(answered)
				done <- err
			})
		}
		for range group {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		n += group
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return disk.Ops(), states
}

// Killed, or without power, at any write or sync of its life, a store comes
// back with all that was answered and nothing by halves, and reports no damage.
func TestEveryWriteIsACrashPoint(t *testing.T) {
	if underRace {
		t.Skip("opens hundreds of stores, one after another")
	}
	length := traceLength
	ops, states := recordTrace(t, length)
	index := map[string][]int{}
	for i, s := range states {
		index[s] = append(index[s], i)
	}
	stride, rng := 1, rand.New(rand.NewPCG(1, 2))
	if !*allPoints {
		stride = max(1, len(ops)/80)
	}
	dir := fastDir(t)
	replay, tried, began := faultdisk.NewReplay(), 0, time.Now()
	try := func(i int, what string, im faultdisk.Image) {
		at := filepath.Join(dir, "image")
		if err := os.Mkdir(at, 0o700); err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(at)
		im.WriteTo(t, at)
		tried++
		s, err := Open(filepath.Join(at, FileName), Options{Lasting: true, Space: smallDisk})
		if err != nil {
			t.Fatalf("%s at operation %d, %s of %s: %v", what, i, ops[i].Kind, ops[i].Name(), err)
		}
		got := state(t, s)
		if f := s.Findings(); len(f) > 0 {
			t.Errorf("%s at operation %d, %s of %s at %d: %q", what, i, ops[i].Kind, ops[i].Name(), ops[i].Off, f)
		}
		_ = s.Close()
		for _, n := range index[got] {
			if n >= ops[i].Mark {
				return
			}
		}
		t.Fatalf("%s at operation %d, %s of %s, after %d answers left the state of batch %v; %s",
			what, i, ops[i].Kind, ops[i].Name(), ops[i].Mark, index[got], difference(got, states[ops[i].Mark:]))
	}
	offset := rng.IntN(stride)
	for i, o := range ops {
		if i%stride == offset {
			try(i, "kill", replay.Killed(o, rng.IntN(len(o.Data)+1)))
			try(i, "power loss", replay.SyncedOnly())
			try(i, "power loss with torn writes", replay.PowerLost(o, rng))
		}
		replay.Do(o)
	}
	t.Logf("%d operations on the disk, %d crashes tried in %v", len(ops), tried, time.Since(began).Round(time.Second))
}
