// SPDX-License-Identifier: LGPL-3.0-or-later

package daemon

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"goflux/internal/install"
)

// earlyAttrs sets what is known before booting, where the command line has not.
func (d *daemon) earlyAttrs(started time.Time) {
	a := d.attrs
	a.Default("version", install.CoreVersion)
	a.Default("broker.rc1_path", install.RC1)
	a.Default("broker.rc3_path", install.RC3)
	for attr, key := range map[string]string{
		"conf.shell_pluginpath": "shell_pluginpath", "conf.shell_initrc": "shell_initrc",
	} {
		v, _ := install.Builtin(key)
		a.Default(attr, v)
	}
	a.Put("broker.starttime", strconv.FormatFloat(float64(started.UnixMicro())/1e6, 'f', 2, 64))
	if _, ok := a.Get("hostname"); !ok {
		name, err := os.Hostname()
		if err != nil {
			name = "localhost"
		}
		a.Put("hostname", name)
	}
	if d.opt.verbose > 0 {
		a.Default("log-stderr-mode", "local")
		a.Default("log-stderr-level", map[bool]string{true: "7", false: "6"}[d.opt.verbose > 1])
	}
}

// enclosingAttrs sets what tells about the enclosing instance, and takes out of
// the environment what is about this process as its job.
func (d *daemon) enclosingAttrs() {
	env := func(attr, variable string, asJob bool) {
		if v := os.Getenv(variable); v != "" && asJob {
			d.attrs.Put(attr, v)
		} else {
			d.attrs.PutUnset(attr)
		}
		_ = os.Unsetenv(variable) // the name is a good one
	}
	job := d.boot.UnderFlux
	env("parent-uri", "FLUX_URI", job)
	env("parent-kvs-namespace", "FLUX_KVS_NAMESPACE", job)
	if path := os.Getenv("FLUX_JOB_ID_PATH"); path != "" && job {
		d.attrs.Put("jobid-path", path)
	} else {
		d.attrs.Put("jobid-path", "/")
	}
	for _, v := range []string{"FLUX_JOB_ID_PATH", "FLUX_PROXY_REMOTE"} {
		_ = os.Unsetenv(v)
	}
	if d.opt.verbose > 0 {
		fmt.Fprintf(os.Stderr, "flux-broker: boot: rank=%d size=%d\n", d.boot.Rank, d.boot.Size)
	}
}
