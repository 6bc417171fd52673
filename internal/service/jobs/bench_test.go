// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs_test

import (
	"context"
	"io"
	"testing"

	"goflux/flux"
	"goflux/internal/rpc"
	"goflux/internal/sign"
	"goflux/jobid"
	"syscall"
)

// BenchmarkMockJobs submits b.N mock jobs through a socket and waits for the
// last to end: the whole job manager with its store, without processes.
func BenchmarkMockJobs(b *testing.B) {
	in := start(b, b.TempDir())
	defer in.stop()
	s, err := in.c.Stream("job-manager.events-journal", flux.NodeAny, rpc.JobsJournal{Allow: []byte(`{"clean":1}`)})
	if err != nil {
		b.Fatal(err)
	}
	submit := rpc.JobSubmit{J: sign.None(uint32(syscall.Getuid()), []byte(request("x", "0.001s"))), Urgency: 16}
	b.ResetTimer()
	calls := make([]*flux.Call, b.N)
	for i := range calls {
		if calls[i], err = in.c.Go("job-ingest.submit", flux.NodeAny, submit); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range calls {
		var id struct {
			ID jobid.ID `json:"id"`
		}
		if err := c.Get(context.Background(), &id); err != nil {
			b.Fatal(err)
		}
	}
	for done := 0; done < b.N; {
		var ev rpc.JobEvents
		if err := s.Get(context.Background(), &ev); err == io.EOF || err != nil {
			b.Fatal(err)
		}
		if ev.ID != rpc.JobEventsSentinel {
			done += len(ev.Events)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
}
