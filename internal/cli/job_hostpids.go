// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/fsd"
	"goflux/idset"
	"goflux/internal/cli/attach"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// jobHostpids is flux job hostpids.
func (a *app) jobHostpids() *cobra.Command {
	var delimiter, ranks, timeout string
	cmd := &cobra.Command{
		Use: "hostpids JOBID", Short: "print HOST:PID of a job's tasks",
		Args: a.usageOperands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			var only *idset.Set
			if ranks != "all" {
				var err error
				if only, err = idset.Parse(ranks); err != nil {
					return fail("--ranks=%s: %v", ranks, err)
				}
			}
			id, err := parseJobID(args[0])
			if err != nil {
				return err
			}
			ctx := a.ctx
			if timeout != "" {
				d, err := fsd.Parse(timeout)
				if err != nil {
					return fail("--timeout: %v", err)
				}
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, d)
				defer cancel()
			}
			pairs, err := a.hostpids(ctx, id, args[0], only)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.out, strings.Join(pairs, strings.ReplaceAll(delimiter, `\n`, "\n")))
			return nil
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&delimiter, "delimiter", "d", ",", "Print `STRING` between them")
	fs.StringVarP(&ranks, "ranks", "r", "all", "Print only the task ranks in `IDSET`")
	fs.StringVarP(&timeout, "timeout", "t", "", "Give up after `DURATION`")
	return cmd
}

// hostpids asks the job's shell, once it has started its tasks.
func (a *app) hostpids(ctx context.Context, id jobid.ID, name string, only *idset.Set) ([]string, error) {
	h, err := a.open()
	if err != nil {
		return nil, err
	}
	if err := a.checkActive(h, id, name); err != nil {
		return nil, err
	}
	shell, err := waitShell(ctx, h, id)
	if err != nil {
		return nil, err
	}
	var table procTable
	if err := h.RPC(ctx, shell.Service+".proctable", shell.Rank, struct{}{}, &table); err != nil {
		return nil, fail("%s.proctable: %v", shell.Service, err)
	}
	return table.pairs(only)
}

func (a *app) checkActive(h *flux.Client, id jobid.ID, name string) error {
	var resp struct {
		Job struct {
			State int `json:"state"`
		} `json:"job"`
	}
	err := h.RPC(a.ctx, "job-list.list-id", flux.NodeAny, rpc.JobListID{ID: id, Attrs: []string{"state"}}, &resp)
	switch {
	case errors.Is(err, syscall.ENOENT):
		return fail("%s: No such job", name)
	case err != nil:
		return fail("job list failed for %s: %v", name, err)
	case resp.Job.State&jobinfo.StateActive == 0:
		return fail("hostpids: job %s is inactive", name)
	}
	return nil
}

// waitShell waits until a job's shell has started the tasks, and returns where
// it listens.
func waitShell(ctx context.Context, h *flux.Client, id jobid.ID) (shell attach.Shell, err error) {
	call, err := attach.OpenLog(h, id, "guest.exec.eventlog", waitCreate)
	if err != nil {
		return shell, err
	}
	defer attach.CloseLog(call)
	for {
		e, err := attach.NextEntry(ctx, call)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return shell, fail("hostpids: timeout waiting for shell.start event")
		case errors.Is(err, syscall.EPERM):
			return shell, fail("hostpids: Permission denied")
		case errors.Is(err, io.EOF):
			return shell, fail("hostpids: the job ended before its tasks were started")
		case err != nil:
			return shell, err
		}
		switch e.Name {
		case "shell.init":
			var c struct {
				Service string `json:"service"`
				Leader  uint32 `json:"leader-rank"`
			}
			if err := e.UnmarshalContext(&c); err != nil {
				return shell, fail("shell.init event: %v", err)
			}
			shell = attach.Shell{Service: c.Service, Rank: c.Leader}
		case "shell.start":
			return shell, nil
		}
	}
}

// procTable is a shell's table of tasks, by columns in packed form.
type procTable struct {
	Hosts []jsontext.Value `json:"hosts"`
	IDs   []jsontext.Value `json:"ids"`
	Pids  []jsontext.Value `json:"pids"`
}

// pairs are HOST:PID of the tasks.
func (t *procTable) pairs(only *idset.Set) ([]string, error) {
	hosts, err := expandHosts(t.Hosts)
	if err != nil {
		return nil, err
	}
	ids, err := expandNumbers(t.IDs)
	if err != nil {
		return nil, err
	}
	pids, err := expandNumbers(t.Pids)
	if err != nil {
		return nil, err
	}
	if len(hosts) != len(pids) || len(ids) != len(pids) {
		return nil, fail("malformed table of tasks")
	}
	byTask := make(map[int64]string, len(pids))
	var last int64
	for i, id := range ids {
		byTask[id] = fmt.Sprintf("%s:%d", hosts[i], pids[i])
		last = max(last, id)
	}
	var pairs []string
	for id := range last + 1 {
		if pair, ok := byTask[id]; ok && (only == nil || only.Contains(uint32(id))) {
			pairs = append(pairs, pair)
		}
	}
	return pairs, nil
}
