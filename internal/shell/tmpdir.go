// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"goflux/internal/message"
)

// tmpdir makes the job's temporary directory on this node and removes it with
// all that is in it at the end. It is in the broker's run directory, or, for
// those who may not write there, in TMPDIR.
type tmpdir struct {
	s    *Shell
	path string
}

func (d *tmpdir) init() error {
	s := d.s
	tmp := s.job.env["TMPDIR"]
	if tmp != "" && makeDir(tmp) != nil {
		s.log.warnf("tmpdir", "Unable to create TMPDIR=%s, resetting TMPDIR=/tmp", tmp)
		tmp = "/tmp"
		s.job.env["TMPDIR"] = tmp
	}
	name := fmt.Sprintf("jobtmp-%d-%s", s.plan.self, s.idText())
	if rundir := s.attr("rundir"); rundir != "" {
		d.path = filepath.Join(rundir, name)
	}
	if d.path != "" && s.seat.takeDir(d.path) {
		s.job.env["FLUX_JOB_TMPDIR"] = d.path
		return nil
	}
	if d.path == "" || makeDir(d.path) != nil {
		if tmp == "" {
			tmp = "/tmp"
		}
		d.path = filepath.Join(tmp, name)
		if err := makeDir(d.path); err != nil {
			err = fmt.Errorf("error creating FLUX_JOB_TMPDIR: %s: %s", d.path, message.ErrnoText(message.Errno(err)))
			d.path = ""
			return err
		}
	}
	s.job.env["FLUX_JOB_TMPDIR"] = d.path
	return nil
}

func makeDir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, syscall.EEXIST) {
		return err
	}
	return nil
}

func (d *tmpdir) stop() {
	if d.path == "" || d.s.job.Next && d.s.seat.keepDir(d.path) {
		return
	}
	if err := os.RemoveAll(d.path); err != nil {
		fmt.Fprintf(d.s.log.stderr, "flux-shell: %v\n", err)
	}
}
