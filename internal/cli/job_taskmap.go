// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/hostlist"
	"goflux/internal/cli/attach"
	"goflux/internal/rpc"
	"goflux/jobid"
	"goflux/rset"
	"goflux/taskmap"
)

// taskmapOptions are those of flux job taskmap; -1 is not given.
type taskmapOptions struct {
	taskids, ntasks, nodeid, hostname int
	to                                string
}

// jobTaskmap is flux job taskmap.
func (a *app) jobTaskmap() *cobra.Command {
	var o taskmapOptions
	cmd := &cobra.Command{
		Use: "taskmap JOBID|TASKMAP", Short: "query and convert task maps",
		Args: a.usageOperands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			id, err := jobid.Parse(args[0])
			isJob := err == nil
			var m *taskmap.Map
			if isJob {
				m, err = a.fetchTaskmap(id)
			} else if m, err = taskmap.Parse(args[0]); err != nil {
				err = fail("error decoding taskmap: %v", err)
			}
			if err != nil {
				return err
			}
			return a.queryTaskmap(o, m, id, isJob)
		},
	}
	fs := cmd.Flags()
	fs.IntVar(&o.taskids, "taskids", -1, "Print the tasks on node `NODEID`")
	fs.IntVar(&o.ntasks, "ntasks", -1, "Print the number of tasks on node `NODEID`")
	fs.IntVar(&o.nodeid, "nodeid", -1, "Print the node of task `TASKID`")
	fs.IntVar(&o.hostname, "hostname", -1, "Print the host of task `TASKID`")
	fs.StringVar(&o.to, "to", "", "Convert to `FORMAT`: raw, pmi, hosts, multiline")
	return cmd
}

func (a *app) queryTaskmap(o taskmapOptions, m *taskmap.Map, id jobid.ID, isJob bool) error {
	switch {
	case o.taskids >= 0:
		ids := m.TaskIDs(o.taskids)
		if ids.Empty() {
			return fail("No taskids for node %d: No such file or directory", o.taskids)
		}
		fmt.Fprintln(a.out, ids)
	case o.ntasks >= 0:
		n := m.NTasks(o.ntasks)
		if n == 0 {
			return fail("failed to get task count for node %d: No such file or directory", o.ntasks)
		}
		fmt.Fprintln(a.out, n)
	case o.nodeid >= 0:
		node, err := taskNode(m, o.nodeid)
		if err != nil {
			return err
		}
		fmt.Fprintln(a.out, node)
	case o.hostname >= 0:
		return a.printTaskHost(o.hostname, m, id, isJob)
	default:
		return a.convertTaskmap(o.to, m, id, isJob)
	}
	return nil
}

func taskNode(m *taskmap.Map, task int) (int, error) {
	node, ok := m.NodeID(task)
	if !ok {
		return 0, fail("failed to get nodeid for task %d: No such file or directory", task)
	}
	return node, nil
}

func (a *app) printTaskHost(task int, m *taskmap.Map, id jobid.ID, isJob bool) error {
	node, err := taskNode(m, task)
	if err != nil {
		return err
	}
	if !isJob {
		return fail("taskmap: can't use --hostname without a jobid")
	}
	hosts, err := a.jobHosts(id)
	if err != nil {
		return err
	}
	host, ok := hosts.At(node)
	if !ok {
		return fail("failed to get hostname for node %d", node)
	}
	fmt.Fprintln(a.out, host)
	return nil
}

func (a *app) convertTaskmap(to string, m *taskmap.Map, id jobid.ID, isJob bool) error {
	form := taskmap.Plain
	switch to {
	case "":
	case "raw":
		form = taskmap.Raw
	case "pmi":
		form = taskmap.PMI
	case "multiline":
		for task, node := range m.All() {
			fmt.Fprintf(a.out, "%d: %d\n", task, node)
		}
		return nil
	case "hosts":
		if !isJob {
			return fail("taskmap: can't use --to=hosts without a jobid")
		}
		return a.printTasksByHost(m, id)
	default:
		return fail("invalid value --to=%s", to)
	}
	text, err := m.Encode(form)
	if err != nil {
		return fail("failed to convert taskmap to %s: %v", to, err)
	}
	fmt.Fprintln(a.out, text)
	return nil
}

func (a *app) printTasksByHost(m *taskmap.Map, id jobid.ID) error {
	hosts, err := a.jobHosts(id)
	if err != nil {
		return err
	}
	for node := range m.TotalNodes() {
		host, ok := hosts.At(node)
		if !ok {
			return fail("failed to get hostname for nodeid %d", node)
		}
		fmt.Fprintf(a.out, "%s: %s\n", host, m.TaskIDs(node))
	}
	return nil
}

// jobHosts are the hosts of a job's R.
func (a *app) jobHosts(id jobid.ID) (*hostlist.List, error) {
	h, err := a.open()
	if err != nil {
		return nil, err
	}
	text, err := a.lookupJob(h, rpc.JobInfoLookup{ID: id, Keys: []string{"R"}})
	if err != nil {
		return nil, fail("failed to get hostlist for job: %v", err)
	}
	r, err := rset.Parse([]byte(text))
	if err != nil {
		return nil, fail("failed to get hostlist for job: %v", err)
	}
	return r.Nodelist(), nil
}

// fetchTaskmap waits for a job's task map, which its shell posts.
func (a *app) fetchTaskmap(id jobid.ID) (*taskmap.Map, error) {
	h, err := a.open()
	if err != nil {
		return nil, err
	}
	call, err := attach.OpenLog(h, id, "guest.exec.eventlog", 0)
	if err != nil {
		return nil, err
	}
	defer attach.CloseLog(call)
	for {
		e, err := attach.NextEntry(a.ctx, call)
		switch {
		case errors.Is(err, io.EOF):
			return nil, fail("No taskmap found for job")
		case errors.Is(err, syscall.ENOENT):
			return nil, fail("Unable to get job taskmap: no such job")
		case err != nil:
			return nil, fail("waiting for shell.start event: %v", err)
		case e.Name != "shell.start":
			continue
		}
		var c struct {
			Map taskmap.Map `json:"taskmap"`
		}
		if err := e.UnmarshalContext(&c); err != nil {
			return nil, fail("failed to get taskmap from shell.start event: %v", err)
		}
		return &c.Map, nil
	}
}
