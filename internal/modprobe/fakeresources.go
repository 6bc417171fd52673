// SPDX-License-Identifier: LGPL-3.0-or-later

package modprobe

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"strings"

	"goflux/internal/config"
	"goflux/internal/install"
)

//go:embed amender.py
var amenderProgram string

// fakeResources are the [fake-resources] table (flux-config-fake-resources(5)).
type fakeResources struct {
	nodes, cores, gpus  int64
	prefix, xml, amendR string
}

// maxFakeNodes bounds the nodes made up: more than any instance could be made
// to schedule.
const maxFakeNodes = 10_000_000

func readFake(conf config.Table) (fakeResources, error) {
	f := fakeResources{cores: 64, prefix: "fake"}
	t := config.Read(conf, "fake-resources")
	var ok bool
	if f.nodes, ok = t.Int("nnodes"); !ok {
		t.Fail("nnodes", "the key is required")
	}
	for key, n := range map[string]*int64{"cores-per-node": &f.cores, "gpus-per-node": &f.gpus} {
		if v, ok := t.Int(key); ok {
			*n = v
		}
	}
	for key, s := range map[string]*string{"host-prefix": &f.prefix, "hwloc-xml-path": &f.xml, "amend-r": &f.amendR} {
		if v, ok := t.String(key); ok {
			*s = v
		}
	}
	switch {
	case f.nodes < 1 || f.nodes > maxFakeNodes:
		t.Fail("nnodes", "%d is not in 1-%d", f.nodes, maxFakeNodes)
	case f.cores < 1:
		t.Fail("cores-per-node", "must be positive")
	case f.gpus < 0:
		t.Fail("gpus-per-node", "must not be negative")
	}
	return f, t.Err(true)
}

// encode is the command that makes R.
func (f fakeResources) encode() []string {
	argv := []string{
		install.Flux(), "R", "encode", fmt.Sprintf("--ranks=0-%d", f.nodes-1),
		fmt.Sprintf("--hosts=%s[0-%d]", f.prefix, f.nodes-1),
	}
	if f.nodes == 1 {
		argv[3], argv[4] = "--ranks=0", fmt.Sprintf("--hosts=%s0", f.prefix)
	}
	if f.xml != "" {
		return append(argv, "--xml="+f.xml)
	}
	argv = append(argv, fmt.Sprintf("--cores=0-%d", f.cores-1))
	if f.gpus > 0 {
		argv = append(argv, fmt.Sprintf("--gpus=0-%d", f.gpus-1))
	}
	return argv
}

// makeUpResources makes up the instance's resources and has nobody look whether they are
// there.
func makeUpResources(ctx context.Context, m *Modprobe) error {
	f, err := readFake(m.inst.Config())
	if err != nil {
		return err
	}
	r, err := m.filter(ctx, nil, f.encode()...)
	if err == nil && f.amendR != "" {
		r, err = m.filter(ctx, r, install.Flux(), "python", "-c", amenderProgram, f.amendR, f.xml)
	}
	if err == nil {
		_, err = m.filter(ctx, bytes.TrimSpace(r), install.Flux(), "kvs", "put", "--raw", "resource.R=-")
	}
	if err != nil {
		return err
	}
	m.addArgs("resource", true, "monitor-force-up", "noverify")
	return nil
}

// filter runs a program on input and returns its output; what it complains of
// is in the error.
func (m *Modprobe) filter(ctx context.Context, input []byte, argv ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = m.inst.Environ()
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", argv[1], err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}
