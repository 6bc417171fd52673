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
