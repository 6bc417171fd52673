// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"os"
	"path/filepath"

	"goflux/internal/sys/topology"
)

// hwloc writes the node's topology for programs that use that library, so that
// each need not gather it (the option hwloc.xmlfile).
type hwloc struct{ s *Shell }

func (h *hwloc) init() error {
	var file, restrict bool
	opts := h.s.job.opts
	if err := firstError(opts.object("hwloc"), opts.flag("hwloc.xmlfile", &file), opts.flag("hwloc.restrict", &restrict)); err != nil || !file {
		return err
	}
	m, err := topology.Local(true)
	if err != nil {
		return fmt.Errorf("failed to get shell hwloc xml: %w", err)
	}
	if restrict {
		if cpus, ok := m.CoreCPUs(h.s.plan.me().cores); ok {
			m = m.Restrict(cpus)
		}
	}
	env := h.s.job.env
	path := filepath.Join(env["FLUX_JOB_TMPDIR"], "hwloc.xml")
	if err := os.WriteFile(path, m.XML(), 0o640); err != nil {
		return fmt.Errorf("failed to write HWLOC_XMLFILE: %w", err)
	}
	if _, ok := env["HWLOC_XMLFILE"]; !ok {
		env["HWLOC_XMLFILE"] = path
	}
	delete(env, "HWLOC_COMPONENTS") // it would take precedence
	return nil
}
