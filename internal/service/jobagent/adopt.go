// SPDX-License-Identifier: LGPL-3.0-or-later

package jobagent

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/sys/process"
)

// This file finds the shells of an earlier broker on this node again. What lies
// in a job's directory tells of them: the shell's information, which process it
// is, and, when it has ended, its exit record.

// pidFile has the shell's process id and when that process started, so that
// another one that got its number is not taken for it.
const pidFile = "pid"

// lostStatus is the wait status of a shell that ended and left no record: as if
// it had been killed.
const lostStatus = int(syscall.SIGKILL)

// jobDirs is where the directories of jobs are, and the suffix of this rank's:
// brokers on one host may share a run directory.
func (a *agent) jobDirs() (dir, suffix string) {
	rundir, _ := a.h.Attr("rundir")
	return filepath.Join(rundir, "jobs"), fmt.Sprintf("-%d", a.h.Rank())
}

// adopt finds the shells that an earlier broker has left.
func (a *agent) adopt() {
	dir, suffix := a.jobDirs()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // there is none: the ordinary case
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if err := a.adoptOne(path); err != nil {
			a.h.Log().Error("a job's directory is set aside", "path", path, "err", err)
		}
	}
}

func (a *agent) adoptOne(dir string) error {
	var info rpc.ShellInfo
	if err := readJSON(filepath.Join(dir, infoFile), &info); err != nil {
		return err
	}
	s := &shell{id: info.ID, attempt: info.Attempt, dir: dir}
	pid, started, err := readPid(filepath.Join(dir, pidFile))
	if err != nil {
		return err
	}
	s.pid = pid
	a.shells[s.id] = s
	alive, ok := process.Find(pid, started)
	if !ok {
		a.exited(s, exitStatus(dir))
		a.h.Log().Info("a job's shell ended while the broker was away", "jobid", s.id.F58(), "status", s.status)
		return nil
	}
	a.h.Log().Info("found a job's shell again", "jobid", s.id.F58(), "pid", pid)
	a.h.Go(alive.Wait, func() { a.exited(s, exitStatus(dir)) })
	return nil
}

// writePid notes which process a shell is.
func writePid(dir string, pid int) error {
	return os.WriteFile(filepath.Join(dir, pidFile), fmt.Appendf(nil, "%d %s\n", pid, process.StartTime(pid)), 0o600)
}

func readPid(path string) (pid int, started string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, "", err
	}
	f := strings.Fields(string(b))
	if len(f) != 2 {
		return 0, "", fmt.Errorf("%s: not a pid and a time", path)
	}
	pid, err = strconv.Atoi(f[0])
	return pid, f[1], err
}

// exitStatus reads a shell's exit record.
func exitStatus(dir string) int {
	var x rpc.ShellExit
	if err := readJSON(filepath.Join(dir, rpc.ShellExitFile), &x); err != nil {
		return lostStatus
	}
	return x.Status
}

func readJSON(path string, dst any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := message.Unmarshal(b, dst); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
