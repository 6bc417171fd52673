// SPDX-License-Identifier: LGPL-3.0-or-later

package jobagent

import (
	"fmt"
	"os"
	"path/filepath"

	"goflux/internal/message"
	"goflux/internal/rpc"
)

// This file finds the shells of an earlier broker on this node again. What lies
// in a job's directory tells of them: the shell's information, which process it
// is, and, when it has ended, its exit record.

// jobDirs is where the directories of jobs are, and the suffix of this rank's:
// brokers on one host may share a run directory.
func (a *agent) jobDirs() (dir, suffix string) {
	rundir, _ := a.h.Attr("rundir")
	return filepath.Join(rundir, "jobs"), fmt.Sprintf("-%d", a.h.Rank())
}

// adopt finds the shells that an earlier broker has left.
func (a *agent) adopt() {
	for _, f := range a.node.Found(a.jobDirs()) {
		switch {
		case f.Err != nil:
			a.h.Log().Error("a job's directory is set aside", "path", f.Dir, "err", f.Err)
			continue
		case f.Unbegun:
			a.h.Log().Info("a job's shell had not begun when the broker went away", "path", f.Dir)
			if f.Info.ID != 0 {
				a.unbegun[f.Info.ID] = f.Info.Attempt
			}
			a.node.Remove(f.Dir)
			continue
		}
		s := &shell{id: f.Info.ID, attempt: f.Info.Attempt, dir: f.Dir, logDir: f.Dir, pid: f.Pid, r: f.Info.R}
		a.shells[s.id] = s
		if !f.Alive {
			a.exited(s, f.Status, a.node.Rest(s.dir))
			a.h.Log().Info("a job's shell ended while the broker was away", "jobid", s.id.F58(), "status", s.status)
			continue
		}
		a.h.Log().Info("found a job's shell again", "jobid", s.id.F58(), "pid", s.pid)
		a.watch(s, "")
	}
}

// exitStatus is a shell's exit record, or that it is lost.
func exitStatus(dir string) int {
	if record := exitRecord(dir); record != nil {
		return record.Status
	}
	return lostStatus
}

// exitRecord reads a shell's exit record, nil when there is none of the job that
// the directory is of now.
func exitRecord(dir string) *rpc.ShellExit {
	var x rpc.ShellExit
	var info rpc.ShellInfo
	if readJSON(filepath.Join(dir, rpc.ShellExitFile), &x) != nil || readJSON(filepath.Join(dir, infoFile), &info) != nil ||
		x.ID != info.ID || x.Attempt != info.Attempt {
		return nil
	}
	return &x
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
