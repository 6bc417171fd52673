// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"goflux/flux"
	"goflux/internal/rpc"
)

// A crowd that lists at the same time gets what each asked for, whether they
// are answered together or one after another.
func TestListingCrowd(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	in.follow(in.mustSubmit("over", "0.001s", 16, 0), "eventlog")
	for range 3 {
		in.mustSubmit("held", "1s", 0, 0)
	}
	ctx := context.Background()
	asked := []struct {
		req  rpc.JobList
		want int
	}{
		{rpc.JobList{Attrs: []string{"name"}}, 4},
		{rpc.JobList{Attrs: []string{"name"}, States: 8}, 3},
		{rpc.JobList{Attrs: []string{"name"}, Constraint: []byte(`{"and":[{"states":["pending"]},{"name":["held"]}]}`)}, 3},
		{rpc.JobList{Attrs: []string{"name"}, Constraint: []byte(`{"not":[{"states":["pending"]}]}`)}, 1},
		{rpc.JobList{Attrs: []string{"name"}, MaxEntries: 2}, 2},
		{rpc.JobList{Attrs: []string{"name"}, Name: "none"}, 0},
	}
	const each = 40
	var calls []*flux.Call
	for i := range each * len(asked) {
		ask := in.c.Go
		if i >= each/2*len(asked) {
			ask = in.c.Stream
		}
		call, err := ask("job-list.list", flux.NodeAny, asked[i%len(asked)].req)
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, call)
	}
	for i, call := range calls {
		got := 0
		for {
			var resp rpc.JobsListed
			err := call.Get(ctx, &resp)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got += len(resp.Jobs)
			if i < each/2*len(asked) {
				break
			}
		}
		if want := asked[i%len(asked)].want; got != want {
			t.Errorf("request %d: %d jobs listed, want %d", i, got, want)
		}
	}
}
