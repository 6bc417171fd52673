// SPDX-License-Identifier: LGPL-3.0-or-later

package soak

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// Kinds of operations.
const (
	opSubmit  = "submit"
	opCancel  = "cancel"
	opLook    = "look" // at a job's event log
	opPut     = "put"
	opGet     = "get"
	opDrain   = "drain"
	opUndrain = "undrain"
	opStatus  = "status" // of a node: its drain reason
)

// Op is something a client did. Times are since the beginning.
type Op struct {
	Kind   string        `json:"op"`
	Client int           `json:"client"`
	Rank   int           `json:"rank"` // of the broker it asked
	Call   time.Duration `json:"call"`
	Return time.Duration `json:"return"`
	// Key is what it is about: a job's name, a KVS key, a node's rank.
	Key string `json:"key"`
	// Value was written, or read; of a submission it is the job's id.
	Value string `json:"value,omitempty"`
	// Err is empty when it was acknowledged. Otherwise it may have happened
	// or not: even an error may come from somebody on the way back.
	Err string `json:"err,omitempty"`
}

// Fault is something done to a broker.
type Fault struct {
	At     time.Duration `json:"at"`
	Rank   int           `json:"rank"`
	Signal string        `json:"signal"`
	Length time.Duration `json:"length,omitempty"`
}

// history is all that clients did and were told, and what was done to brokers.
type history struct {
	begin time.Time

	mu     sync.Mutex
	ops    []Op
	faults []Fault
	jobs   map[string]*plannedJob // by name
	acked  int
	failed int
}

func newHistory() *history { return &history{begin: time.Now(), jobs: map[string]*plannedJob{}} }

func (h *history) now() time.Duration { return time.Since(h.begin) }

func (h *history) add(op Op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
	if op.Err == "" {
		h.acked++
	} else {
		h.failed++
	}
}

func (h *history) fault(f Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, f)
}

// plan notes a job that is about to be submitted.
func (h *history) plan(j *plannedJob) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.jobs[j.Name] = j
}

func (h *history) summary() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return fmt.Sprintf("%d jobs, %d operations acknowledged, %d not", len(h.jobs), h.acked, h.failed)
}

// write keeps the history for reading: a line of JSON an operation.
func (h *history) write(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	enc := json.NewEncoder(f)
	for _, x := range h.faults {
		if err := enc.Encode(x); err != nil {
			return err
		}
	}
	for _, o := range h.ops {
		if err := enc.Encode(o); err != nil {
			return err
		}
	}
	return f.Close()
}
