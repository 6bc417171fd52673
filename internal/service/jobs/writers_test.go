// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs_test

import (
	"testing"

	"goflux/internal/rpc"
)

// The shells of a job number their requests each for itself: what one sends
// again is taken once, and nothing of another's is taken for that.
func TestStreamWriters(t *testing.T) {
	in := start(t, t.TempDir())
	defer in.stop()
	id := in.mustSubmit("x", "100s", 0, 0)
	for _, a := range []rpc.JobStreamAppend{
		{Seq: 1, Data: "a\n"}, {Seq: 1, Data: "a\n"}, {Seq: 1, Writer: 1, Data: "b\n"},
		{Seq: 2, Data: "c\n"}, {Seq: 1, Writer: 1, Data: "b\n"}, {Seq: 2, Writer: 1, Data: "d\n"},
	} {
		a.ID, a.Stream = id, "output"
		if err := in.rpc("job-info.stream-append", a, nil); err != nil {
			t.Fatal(err)
		}
	}
	var got map[string]any
	if err := in.rpc("job-info.lookup", rpc.JobInfoLookup{ID: id, Keys: []string{"guest.output"}}, &got); err != nil {
		t.Fatal(err)
	}
	if got["guest.output"] != "a\nb\nc\nd\n" {
		t.Errorf("the stream is %q", got["guest.output"])
	}
}
