// SPDX-License-Identifier: LGPL-3.0-or-later

package jobagent

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/process"
	"goflux/jobid"
)

const (
	foundJob jobid.ID = 4711
	otherJob jobid.ID = 4712
	suffix            = "-3"
)

// left makes a job's directory as a broker that was killed may leave it.
func left(t *testing.T, info *rpc.ShellInfo) (parent, dir string) {
	t.Helper()
	parent = t.TempDir()
	dir = filepath.Join(parent, foundJob.F58ASCII()+suffix)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	writeJSON(t, filepath.Join(dir, infoFile), info)
	return parent, dir
}

func writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := message.Marshal(v)
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sleeper is a process that stands for a shell started for a directory.
func sleeper(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.Env = []string{rpc.ShellInfoEnv + "=" + filepath.Join(dir, infoFile)}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

func look(t *testing.T, parent string) Found {
	t.Helper()
	n := &system{foreign: map[string]*process.Foreign{}}
	found := n.Found(parent, suffix)
	if len(found) != 1 {
		t.Fatalf("%+v", found)
	}
	return found[0]
}

func TestFoundAlive(t *testing.T) {
	parent, dir := left(t, &rpc.ShellInfo{ID: foundJob})
	cmd := sleeper(t, dir)
	if err := leaveNote(dir, cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if f := look(t, parent); !f.Alive || f.Pid != cmd.Process.Pid {
		t.Errorf("%+v", f)
	}
}

// A shell that was started, and had not begun when its broker was killed, does
// not run the job besides the one that is started next.
func TestFoundOnItsWay(t *testing.T) {
	parent, dir := left(t, &rpc.ShellInfo{ID: foundJob})
	cmd := sleeper(t, dir)
	if f := look(t, parent); !f.Unbegun || f.Alive {
		t.Errorf("%+v", f)
	}
	_ = cmd.Wait() // an error: it was killed
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != syscall.SIGKILL {
		t.Errorf("the shell: %v", cmd.ProcessState)
	}
}

// A job that was given to a shell that waits, which never got to know that, has
// not been lost with it.
func TestFoundNotHanded(t *testing.T) {
	for name, info := range map[string]*rpc.ShellInfo{
		"the shell has ended":    {ID: foundJob, Pid: os.Getpid(), Started: "0"},
		"the directory is older": {ID: otherJob},
	} {
		parent, dir := left(t, info)
		// What a former job has left in the directory tells nothing.
		about := otherJob.F58ASCII() + suffix
		if err := process.LeaveNote(filepath.Join(dir, rpc.ShellNoteFile), os.Getpid(), about); err != nil {
			t.Fatal(err)
		}
		writeJSON(t, filepath.Join(dir, rpc.ShellExitFile), rpc.ShellExit{ID: otherJob})
		if f := look(t, parent); !f.Unbegun || f.Alive || f.Err != nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
