// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"goflux/hostlist"
	"goflux/taskmap"
)

// applyTaskmap places the tasks by the scheme of the option taskmap.
func (s *Shell) applyTaskmap() error {
	if !s.job.opts.isSet("taskmap") {
		return nil
	}
	var scheme, value string
	if err := firstError(s.job.opts.object("taskmap"), s.job.opts.str("taskmap.scheme", &scheme), s.job.opts.str("taskmap.value", &value)); err != nil || scheme == "" {
		return fmt.Errorf("failed to parse taskmap shell option")
	}
	switch scheme {
	case "block":
		if value != "" {
			return fmt.Errorf("block taskmap does not accept a value (got %s)", value)
		}
		return nil
	case "manual":
		m, err := taskmap.Parse(value)
		if err != nil {
			return fmt.Errorf("taskmap=%s: %w", value, err)
		}
		if err := s.plan.remap(m); err != nil {
			return fmt.Errorf("failed to set new shell taskmap: %w", err)
		}
		return nil
	case "cyclic":
		return s.mapBy(scheme, value, s.plan.cyclic)
	case "hostfile":
		return s.mapBy(scheme, value, s.plan.hostfile)
	}
	return fmt.Errorf("failed to map tasks with scheme=%s", scheme)
}

func (s *Shell) mapBy(scheme, value string, fn func(string) (*taskmap.Map, error)) error {
	m, err := fn(value)
	if err != nil {
		return fmt.Errorf("failed to map tasks with %s:%s: %w", scheme, value, err)
	}
	return s.plan.remap(m)
}

// cyclic deals the tasks out in turns of stride, while a node has any left.
func (p *plan) cyclic(value string) (*taskmap.Map, error) {
	stride := 1
	if value != "" {
		n, err := strconv.Atoi(value)
		if err != nil || n <= 0 {
			return nil, fmt.Errorf("invalid cyclic stride: %s", value)
		}
		stride = n
	}
	m := taskmap.New()
	left := make([]int, len(p.nodes))
	for i := range left {
		left[i] = p.nodes[i].ntasks
	}
	for dealt := 0; dealt < p.ntasks; {
		for i := range left {
			n := min(stride, left[i])
			if n == 0 {
				continue
			}
			if err := m.Append(i, 1, n, 1); err != nil {
				return nil, err
			}
			left[i] -= n
			dealt += n
		}
	}
	return m, nil
}

// hostfile places one task after the other on the hosts a file lists, and
// begins anew at its end.
func (p *plan) hostfile(path string) (*taskmap.Map, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("failed to open hostfile: %w", err)
	}
	var order []int
	for line := range strings.Lines(string(b)) {
		hosts, err := hostlist.Parse(strings.TrimSpace(line))
		if err != nil {
			return nil, err
		}
		for h := range hosts.All() {
			i := p.find(h)
			if i < 0 {
				return nil, fmt.Errorf("host %s not found in job nodelist", h)
			}
			order = append(order, i)
		}
	}
	if len(order) == 0 {
		return nil, fmt.Errorf("%s lists no hosts", path)
	}
	m := taskmap.New()
	for i := range p.ntasks {
		if err := m.Append(order[i%len(order)], 1, 1, 1); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// find returns the shell rank of a host, −1 when the job has none there.
func (p *plan) find(host string) int {
	for i := range p.nodes {
		if p.nodes[i].host == host {
			return i
		}
	}
	return -1
}
