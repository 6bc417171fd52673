// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs_test

import (
	"slices"
	"testing"

	"goflux/eventlog"
	"goflux/flux"
	"goflux/internal/rpc"
	"goflux/internal/service/jobs"
)

// A restart is one in the log of a job that waits, whichever of the job
// services comes up first (RFC 21, Flux-Restart Event).
func TestRestartIsOne(t *testing.T) {
	dir := t.TempDir()
	in := start(t, dir)
	id := in.mustSubmit("held", "0.001s", 0, 0)
	in.waitEvent(id, "priority")
	in.stop()
	faces := jobs.Leader()
	slices.Reverse(faces)
	in = startFaces(t, dir, nil, faces)
	defer in.stop()
	var docs map[string]any
	if err := in.c.RPC(t.Context(), "job-info.lookup", flux.NodeAny, rpc.JobInfoLookup{ID: id, Keys: []string{"eventlog"}}, &docs); err != nil {
		t.Fatal(err)
	}
	text, _ := docs["eventlog"].(string)
	entries, err := eventlog.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	if want := []string{"submit", "validate", "depend", "priority", "flux-restart", "priority"}; !slices.Equal(names, want) {
		t.Errorf("the log is %v, want %v", names, want)
	}
}
