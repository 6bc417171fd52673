// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	_ "embed"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

//go:embed mpi/allreduce.c
var allreduce string

// RFC 13: a stock MPI program finds its ranks through the job shell.
func TestMPI(t *testing.T) {
	mpicc, err := exec.LookPath("mpicc")
	if err != nil {
		t.Skip("no mpicc on this machine")
	}
	c := start(t, 4)
	dir := shortDir(t)
	program := filepath.Join(dir, "allreduce")
	source := writeFile(t, dir, "allreduce.c", allreduce)
	if out, err := exec.Command(mpicc, "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("mpicc: %v\n%s", err, out)
	}
	n := tasks()
	var want []string
	for rank := range n {
		want = append(want, fmt.Sprintf("rank %d of %d: sum %d", rank, n, n*(n-1)/2))
	}
	got := strings.Split(c.ok("run", "-N4", fmt.Sprintf("-n%d", n), program), "\n")
	if !slices.Equal(sorted(got), sorted(want)) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// RFC 13, flux-pmi(1): the tasks of a job meet, exchange keys, and end together
// when one says so.
func TestPMI(t *testing.T) {
	c := start(t, 2)
	pmi := func(args ...string) []string {
		return append([]string{"run", "-N2", "-n4", fluxPath(), "pmi"}, args...)
	}
	for want, args := range map[string][]string{
		"completed pmi barrier x2 on 4 tasks": pmi("--method=simple", "barrier", "--test-timing", "--test-count=2"),
		"completed pmi exchange on 4 tasks":   pmi("exchange"),
		"[[0,2,2,1]]":                         pmi("get", "--ranks=3", "flux.taskmap"),
	} {
		if got := c.ok(args...); !strings.Contains(got, want) {
			t.Errorf("%q prints %q, want %q", args, got, want)
		}
	}
	if r := c.flux(pmi("barrier", "--test-abort=1")...); r.code == 0 {
		t.Errorf("an aborted program ended well: %s%s", r.stdout, r.stderr)
	}
}
