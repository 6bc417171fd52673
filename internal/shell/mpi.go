// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"slices"
	"strconv"
	"strings"
	"syscall"

	"goflux/internal/sys/process"
)

// mpi sets what implementations of MPI want to find in the environment beside
// PMI: Open MPI always, another one by the option mpi=NAME[@VERSION]; "none" is
// for nothing. What a site adds for a name is in Lua (flux-shell-initrc(5)).
type mpi struct {
	s        *Shell
	spectrum bool
}

func (m *mpi) init() error {
	env := m.s.job.env
	name, _ := m.s.job.opts.version("mpi")
	switch name {
	case "none":
		return nil
	case "spectrum":
		m.spectrum = true
		m.setSpectrum()
	}
	// Jobs on a node must not share the files of Open MPI's shared memory.
	if dir := env["FLUX_JOB_TMPDIR"]; dir != "" {
		env["OMPI_MCA_btl_vader_backing_directory"] = dir
	}
	return nil
}

// Where IBM Spectrum MPI is on the machines it comes with.
const (
	spectrumHook  = "/opt/ibm/spectrum_mpi/lib/libpami_cudahook.so"
	spectrumPorts = "/opt/ibm/spectrum_mpi/lib/pami_port"
)

// spectrumStack is the soft limit of the stack, in bytes: IBM's runtime warns of
// others.
const spectrumStack = 10 << 20

func (m *mpi) setSpectrum() {
	env := m.s.job.env
	for name := range env { // the enclosing job's
		if strings.HasPrefix(name, "PMIX_") || strings.HasPrefix(name, "OMPI_") {
			delete(env, name)
		}
	}
	env["OMPI_MCA_osc"] = "pt2pt"
	env["OMPI_MCA_pml"] = "yalla"
	env["OMPI_MCA_btl"] = "self"
	env["OMPI_MCA_coll_hcoll_enable"] = "0"
	prependPath(env, "LD_LIBRARY_PATH", spectrumPorts)
	prependPath(env, "LD_PRELOAD", spectrumHook)
}

func (m *mpi) prepareTask(t *task) error {
	if !m.spectrum {
		return nil
	}
	t.env["OMPI_COMM_WORLD_RANK"] = strconv.Itoa(t.rank)
	if !m.s.job.opts.isSet("rlimit.stack") {
		t.spec.Limits = append(slices.Clip(t.spec.Limits), process.Limit{Resource: syscall.RLIMIT_STACK, Soft: spectrumStack})
	}
	return nil
}
