// SPDX-License-Identifier: LGPL-3.0-or-later

package jobid

import "fmt"

// Generator makes IDs. It reads no clock: the caller tells the time. Use it
// from one goroutine.
type Generator struct {
	generator uint32
	last      uint64 // timestamp of the latest ID
	next      uint32 // sequence number of the next ID in that millisecond
}

// NewGenerator makes the generator with the given number, which no other
// generator of the instance may have. It makes no ID with a timestamp below
// startMs; after a restart that has to be larger than the largest timestamp
// handed out before, because the sequence begins anew.
func NewGenerator(generator uint32, startMs uint64) (*Generator, error) {
	if generator > MaxGenerator {
		return nil, fmt.Errorf("job id: generator number %d exceeds the maximum of %d", generator, MaxGenerator)
	}
	return &Generator{generator: generator, last: startMs}, nil
}

// Next makes an ID at nowMs, milliseconds since the instance's epoch. IDs
// ascend even if the time steps back. ok is false if the 1024 IDs of this
// millisecond are used up, and the caller has to come back in the next one, or
// if the time exceeds MaxTimestamp.
func (g *Generator) Next(nowMs uint64) (id ID, ok bool) {
	if nowMs > g.last {
		g.last, g.next = nowMs, 0
	}
	if g.next > MaxSequence || g.last > MaxTimestamp {
		return 0, false
	}
	id = Make(g.last, g.generator, g.next)
	g.next++
	return id, true
}
