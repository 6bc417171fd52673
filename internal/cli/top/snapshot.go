// SPDX-License-Identifier: LGPL-3.0-or-later

package top

import (
	"fmt"
	"io"
)

// Source is an instance to look at.
type Source interface {
	// Snapshot looks at the instance, or at one queue of it.
	Snapshot(queue string) (*Snapshot, error)
	// Open connects to the instance that a job is.
	Open(j Job) (Source, error)
	Close()
}

// Count is how much of something there is.
type Count struct{ Used, Down, Total int64 }

// Job is a running job.
type Job struct {
	ID                       string
	Name, Queue, User, State string
	NTasks, NNodes           int64
	Runtime                  float64 // seconds
	URI                      string  // of the instance that it is; "" for none
	Mine                     bool
}

// Snapshot is how an instance is at a time.
type Snapshot struct {
	Title, Version     string
	Size, Depth        int
	Elapsed, TimeLeft  float64 // seconds; no time left is no limit
	Nodes, Cores, GPUs Count
	Pending, Running   int
	Complete, Failed   int
	Queues             []string // that are configured
	Queue              string   // the one looked at; "" for all
	Jobs               []Job    // the newest first
	HideResults        bool     // how inactive jobs ended is not shown apart
}

// Dump writes the figures as lines, for tests.
func (s *Snapshot) Dump(w io.Writer) {
	for _, c := range s.counts() {
		fmt.Fprintf(w, "%s %d/%d\n", c.name, c.Used, c.Total)
	}
	fmt.Fprintf(w, "%d pending\n%d running\n%d complete\n%d failed\n", s.Pending, s.Running, s.Complete, s.Failed)
	for _, j := range s.Jobs {
		fmt.Fprintln(w, j.ID, j.Queue, j.User, j.State, j.NTasks, j.NNodes, runtime(j.Runtime), j.Name)
	}
}

type namedCount struct {
	name string
	Count
}

func (s *Snapshot) counts() []namedCount {
	return []namedCount{{"nodes", s.Nodes}, {"cores", s.Cores}, {"gpus", s.GPUs}}
}
