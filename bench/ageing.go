// SPDX-License-Identifier: LGPL-3.0-or-later

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Ageing: an instance keeps a thousand finished jobs; when it has had some, what
// it holds is compared with what it holds after a day's worth of them.
const (
	ageingKept  = 1000
	ageingFirst = 20000
	ageingAll   = 200000
)

// Targets: what grows at all, over 180,000 jobs.
const (
	ageingHeap       = 4 << 20
	ageingGoroutines = 10
	ageingFiles      = 10
	ageingDisk       = 1 << 20
	// ageingFile bounds the files themselves, in which there is room for what
	// the busiest moment took: the largest in the later half of the waves, as a
	// multiple of that in the first.
	ageingFile = 1.5
)

// holding is what an instance holds.
type holding struct {
	heap, goroutines, files int64
	disk                    int64 // bytes in use in the database
}

func ageing(ctx context.Context, b *bench) error {
	option, state, err := b.lasting()
	if err != nil {
		return err
	}
	node, err := mockNode(mockCores)
	if err != nil {
		return err
	}
	node = strings.TrimSuffix(node, "}") + fmt.Sprintf(`,"job-manager":{"inactive-num-limit":%d}}`, ageingKept)
	return b.with(ctx, []string{option, node}, func(s *session) error {
		before, largest, err := s.age(ctx, state, 1)
		if err != nil {
			return err
		}
		// In waves: what so many active jobs take at a time is another matter.
		const waves = ageingAll / ageingFirst
		_, first, err := s.age(ctx, state, waves/2-1)
		if err != nil {
			return err
		}
		after, last, err := s.age(ctx, state, waves/2)
		if err != nil {
			return err
		}
		const n = ageingAll
		b.value("ageing-heap-growth", float64(after.heap-before.heap), "bytes", n, atMost(ageingHeap))
		b.value("ageing-goroutines-growth", float64(after.goroutines-before.goroutines), "goroutines", n, atMost(ageingGoroutines))
		b.value("ageing-files-growth", float64(after.files-before.files), "files", n, atMost(ageingFiles))
		b.value("ageing-disk-growth", float64(after.disk-before.disk), "bytes", n, atMost(ageingDisk))
		b.value("ageing-disk-largest", float64(last)/float64(max(largest, first)), "of the first half's", n, atMost(ageingFile))
		return nil
	})
}

// age runs waves of jobs. It returns what the instance holds when those that
// are too many have been forgotten, and the most bytes that its files had after a
// wave.
func (s *session) age(ctx context.Context, state string, waves int) (held holding, largest int64, err error) {
	for range waves {
		if err := s.runJobs(ctx, mockJob, ageingFirst); err != nil {
			return held, 0, err
		}
		size, err := diskBytes(state)
		if err != nil {
			return held, 0, err
		}
		largest = max(largest, size)
		if err := s.forgotten(ctx); err != nil {
			return held, 0, err
		}
	}
	got, err := s.runtime(ctx)
	if err != nil {
		return held, 0, err
	}
	held = holding{heap: int64(got.HeapBytes), goroutines: int64(got.Goroutines), files: int64(got.Files)}
	held.disk, err = bytesInUse(state + "/content.sqlite")
	return held, largest, err
}

// forgotten waits until no more jobs are kept than should be, which the instance
// sees to from time to time.
func (s *session) forgotten(ctx context.Context) error {
	const tries = 100
	for range tries {
		var stats struct {
			States map[string]int `json:"job_states"`
		}
		if err := s.client.RPC(ctx, "job-list.job-stats", 0, nil, &stats); err != nil {
			return err
		}
		if stats.States["total"] <= ageingKept {
			return nil
		}
		time.Sleep(settleTime)
	}
	return errors.New("jobs beyond inactive-num-limit are kept")
}

// bytesInUse is what a database holds, without the pages that are free.
func bytesInUse(file string) (n int64, err error) {
	c, err := sqlite.OpenConn(file, sqlite.OpenReadOnly)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	var of [3]int64
	for i, pragma := range []string{"page_count", "freelist_count", "page_size"} {
		if of[i], err = sqlitex.ResultInt64(c.Prep("PRAGMA " + pragma)); err != nil {
			return 0, err
		}
	}
	return (of[0] - of[1]) * of[2], nil
}
