// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bufio"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"goflux/flux"
	"goflux/hostlist"
	"goflux/idset"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// resolveHosts returns the list of hosts of every source.
func (a *app) resolveHosts(sources []string, fallback bool) ([]*hostlist.List, error) {
	lists := make([]*hostlist.List, len(sources))
	for i, source := range sources {
		var err error
		switch source {
		case "instance":
			lists[i], err = a.instanceHosts()
		case "local":
			lists[i], err = a.localHosts()
		case "stdin", "-":
			lists[i], err = a.stdinHosts()
		case "avail", "available":
			lists[i], err = a.availableHosts()
		default:
			lists[i], err = a.jobOrLiteralHosts(source, fallback)
		}
		if err != nil {
			return nil, err
		}
	}
	return lists, nil
}

func (a *app) instanceHosts() (*hostlist.List, error) {
	h, err := a.open()
	if err != nil {
		return nil, err
	}
	text, err := h.Attr(a.ctx, "hostlist")
	if err != nil {
		return nil, fail("hostlist: %v", err)
	}
	return hostlist.Parse(text)
}

// localHosts are those of the job that this runs in, or of the instance.
func (a *app) localHosts() (*hostlist.List, error) {
	if id := os.Getenv("FLUX_JOB_ID"); id != "" {
		return a.jobOrLiteralHosts(id, false)
	}
	return a.instanceHosts()
}

// availableHosts are the local ones whose brokers are up and not drained.
func (a *app) availableHosts() (*hostlist.List, error) {
	hl, err := a.localHosts()
	if err != nil {
		return nil, err
	}
	h, err := a.open()
	if err != nil {
		return nil, err
	}
	var status rpc.ResourceStatus
	if err := h.RPC(a.ctx, "resource.status", 0, nil, &status); err != nil {
		return nil, fail("resource.status: %v", err)
	}
	up := hostIndices(hl)
	texts := []string{status.Offline, status.Exclude}
	for ranks := range status.Drain {
		texts = append(texts, ranks)
	}
	for _, text := range texts {
		ids, err := idset.Parse(text)
		if err != nil {
			return nil, fail("resource.status: %v", err)
		}
		up.RemoveSet(ids)
	}
	return hl.Subset(up)
}

// jobOrLiteralHosts takes a source for a job id if it can be one.
func (a *app) jobOrLiteralHosts(source string, fallback bool) (*hostlist.List, error) {
	id, err := jobid.Parse(source)
	if err != nil {
		hl, err := hostlist.Parse(source)
		if err != nil {
			return nil, fail("Invalid jobid or hostlist %s", source)
		}
		return hl, nil
	}
	h, err := a.open()
	if err != nil {
		return nil, err
	}
	var resp struct {
		Job struct {
			Nodelist string `json:"nodelist"`
		} `json:"job"`
	}
	req := map[string]any{"id": id, "attrs": []string{"nodelist"}}
	switch err := h.RPC(a.ctx, "job-list.list-id", flux.NodeAny, req, &resp); {
	case errors.Is(err, syscall.ENOENT) && fallback:
		return hostlist.New(source)
	case errors.Is(err, syscall.ENOENT):
		return nil, fail("job %s not found", source)
	case err != nil:
		return nil, fail("job %s: %v", source, err)
	}
	return hostlist.Parse(resp.Job.Nodelist)
}

// stdinPatience is how long hosts are waited for: people who expect another
// default would wait for ever.
const stdinPatience = 15 * time.Second

// stdinHosts reads lists of hosts, one or more a line.
func (a *app) stdinHosts() (*hostlist.List, error) {
	patience := stdinPatience
	if s, err := strconv.ParseFloat(os.Getenv("FLUX_HOSTLIST_STDIN_TIMEOUT"), 64); err == nil {
		patience = time.Duration(s * float64(time.Second))
	}
	in := bufio.NewReader(a.in)
	ready := make(chan struct{})
	go func() {
		_, _ = in.Peek(1)
		close(ready)
	}()
	select {
	case <-ready:
	case <-time.After(patience):
		return nil, fail("timeout after %.1fs waiting for stdin", patience.Seconds())
	}
	hl := new(hostlist.List)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLogInput)
	for lines.Scan() {
		if err := hl.Append(lines.Text()); err != nil {
			return nil, err
		}
	}
	return hl, lines.Err()
}
