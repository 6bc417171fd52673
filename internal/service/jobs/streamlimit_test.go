// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs_test

import (
	"strings"
	"testing"

	"goflux/internal/rpc"
	"goflux/internal/service/jobs"
)

// What is appended beyond the limit is dropped, and the stream says so.
func TestStreamIsBounded(t *testing.T) {
	jobs.SetStreamLimit(t, 1000)
	in := start(t, t.TempDir())
	defer in.stop()
	id := in.mustSubmit("x", "100s", 0, 0)
	for range 20 {
		a := rpc.JobStreamAppend{ID: id, Stream: "output", Data: strings.Repeat("x", 99) + "\n"}
		if err := in.rpc("job-info.stream-append", a, nil); err != nil {
			t.Fatal(err)
		}
	}
	var got map[string]any
	if err := in.rpc("job-info.lookup", rpc.JobInfoLookup{ID: id, Keys: []string{"guest.output"}}, &got); err != nil {
		t.Fatal(err)
	}
	text, _ := got["guest.output"].(string)
	if n := strings.Count(text, "x\n"); n != 10 || strings.Count(text, "truncated here") != 1 || !strings.HasSuffix(text, "}\n") {
		t.Errorf("%d pieces, ending in %q", n, text[max(0, len(text)-300):])
	}
}
