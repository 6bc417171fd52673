// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSlurmTasks(t *testing.T) {
	list := "PID      JOBID    STEPID   LOCALID GLOBALID\n" +
		"17       1234     batch    0       0\n" +
		"18       1234     batch    -       -\n" +
		"19       1234     0        1       1\n" +
		"20       1234     0        0       0\n" +
		"-1       1234     extern   0       0\n"
	if got := slurmTasks([]byte(list)); !slices.Equal(got, []int{17, 20}) {
		t.Errorf("%v", got)
	}
}

// The URI of an instance that is a Slurm job comes from a process of the job,
// on this host or on the job's first.
func TestSlurmURI(t *testing.T) {
	task := exec.Command("sleep", "1000")
	task.Env = append(os.Environ(), "FLUX_URI=ssh://there/run/local-0")
	if err := task.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = task.Process.Kill()
		_ = task.Wait() // killed
	}()
	commands := t.TempDir()
	t.Setenv("PATH", commands+":"+os.Getenv("PATH"))
	t.Setenv("FLUX_URI", "local:///not/this")
	fake := func(name, script string) {
		if err := os.WriteFile(filepath.Join(commands, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	a := &app{ctx: t.Context()}
	fake("scontrol", fmt.Sprintf("echo 'PID JOBID STEPID LOCALID GLOBALID'; echo '%d 12 0 0 0'", task.Process.Pid))
	if uri, err := a.slurmURI("12"); err != nil || uri != "ssh://there/run/local-0" {
		t.Errorf("a local job: %q, %v", uri, err)
	}

	fake("scontrol", "exit 1")
	fake("squeue", "echo 'n[7-9]'")
	fake("srun", `echo "ssh://host/${FLUX_URI:-none}/$*"`)
	if uri, err := a.slurmURI("12"); err != nil || uri != "ssh://host/none/--overlap --jobid=12 -w n7 -N1 -n1 flux uri slurm:12" {
		t.Errorf("a remote job: %q, %v", uri, err)
	}
	fake("srun", "echo no such step >&2; exit 3")
	if _, err := a.slurmURI("12"); err == nil || !strings.Contains(err.Error(), "no such step") {
		t.Errorf("srun fails: %v", err)
	}
	fake("squeue", "")
	if _, err := a.slurmURI("12"); err == nil || !strings.Contains(err.Error(), "empty nodelist") {
		t.Errorf("a job without nodes: %v", err)
	}
	if _, err := a.slurmURI("-o"); err == nil || !strings.Contains(err.Error(), "not a Slurm job id") {
		t.Errorf("an option: %v", err)
	}
	if _, err := a.lookupURI("pid:1?is_compute", uriOptions{}); err == nil || !strings.Contains(err.Error(), "lsf alone") {
		t.Errorf("what is for lsf: %v", err)
	}
}

func TestLSFHost(t *testing.T) {
	query := filepath.Join(t.TempDir(), "query")
	t.Setenv("CSM_ALLOCATION_QUERY", query)
	a := &app{ctx: t.Context()}
	for said, want := range map[string]string{
		"compute_nodes:\n - n10\n - n9\n": "n9",
		"compute_nodes:\n":                "",
		"other: 1\n":                      "",
	} {
		if err := os.WriteFile(query, fmt.Appendf(nil, "#!/bin/sh\ncat <<'E'\n%sE\n", said), 0o755); err != nil {
			t.Fatal(err)
		}
		if host, err := a.lsfHost("12"); host != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", said, host, err)
		}
	}
}
