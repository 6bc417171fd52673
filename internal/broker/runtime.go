// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"context"
	"os"
	"runtime"

	"goflux/internal/rpc"
	"goflux/internal/service"
)

// runtimeStats tells what the broker's process holds, after a collection of
// garbage. It is for finding out what grows.
func (s *coreService) runtimeStats(c *service.Call, _ *rpc.Empty) {
	var got rpc.RuntimeStats
	s.h.Go(func(context.Context) {
		// Twice: what is pooled goes with the second.
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		got = rpc.RuntimeStats{HeapBytes: m.HeapAlloc, Goroutines: runtime.NumGoroutine(), Files: openFiles()}
	}, func() { c.Respond(got) })
}

// openFiles is the number of file descriptors that are open, −1 when it cannot
// be told.
func openFiles() int {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return -1
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return -1
	}
	return len(names) - 1 // without the one that is read
}
