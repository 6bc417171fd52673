// SPDX-License-Identifier: LGPL-3.0-or-later

package main

import (
	"context"
	"strings"
)

// Ageing: an instance keeps a thousand finished jobs; when it has had some, what
// it holds is compared with what it holds after a day's worth of them.
const (
	ageingFirst = 20000
	ageingAll   = 200000
)

// Targets: what grows at all, over 180,000 jobs.
const (
	ageingHeap       = 4 << 20
	ageingGoroutines = 10
	ageingFiles      = 10
	ageingDisk       = 1 << 20
)

func ageing(ctx context.Context, b *bench) error {
	option, state, err := b.lasting()
	if err != nil {
		return err
	}
	node, err := mockNode(mockCores)
	if err != nil {
		return err
	}
	node = strings.TrimSuffix(node, "}") + `,"job-manager":{"inactive-num-limit":1000}}`
	return b.with(ctx, []string{option, node}, func(s *session) error {
		if err := s.runJobs(ctx, mockJob, ageingFirst); err != nil {
			return err
		}
		before, err := s.runtime(ctx)
		if err != nil {
			return err
		}
		disk, err := diskBytes(state)
		if err != nil {
			return err
		}
		// In waves: what so many active jobs take at a time is another matter.
		for n := ageingFirst; n < ageingAll; n += ageingFirst {
			if err := s.runJobs(ctx, mockJob, ageingFirst); err != nil {
				return err
			}
		}
		after, err := s.runtime(ctx)
		if err != nil {
			return err
		}
		now, err := diskBytes(state)
		if err != nil {
			return err
		}
		const n = ageingAll
		b.value("ageing-heap-growth", float64(after.HeapBytes)-float64(before.HeapBytes), "bytes", n, atMost(ageingHeap))
		b.value("ageing-goroutines-growth", float64(after.Goroutines-before.Goroutines), "goroutines", n, atMost(ageingGoroutines))
		b.value("ageing-files-growth", float64(after.Files-before.Files), "files", n, atMost(ageingFiles))
		b.value("ageing-disk-growth", float64(now-disk), "bytes", n, atMost(ageingDisk))
		return nil
	})
}
