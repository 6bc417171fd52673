// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/cli/attach"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// newURI is flux uri (flux-uri(1)).
func newURI(a *app) *cobra.Command {
	var o uriOptions
	cmd := &cobra.Command{
		Use: "uri [OPTIONS] TARGET", Short: "tell where another instance is",
		Long: "Tell the URI of the instance that TARGET names: SCHEME:PATH, or PATH for a job.\n\n" +
			"Supported resolver schemes:\n" +
			"  jobid:PATH   jobs within jobs, \"..\" for the enclosing instance, \"/\" for the outermost\n" +
			"  pid:PID      the instance of a process of this host\n" +
			"  slurm:JOBID  an instance that runs as a job of Slurm\n" +
			"  lsf:JOBID    an instance that runs as a job of IBM Spectrum LSF\n" +
			"  local:, ssh: a URI, which is returned as it is",
		Args: a.operands(1, 1),
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.remote, "remote", false, "Print a URI that works from other hosts")
	fs.BoolVar(&o.local, "local", false, "Print a URI that works on the instance's host")
	fs.BoolVar(&o.wait, "wait", false, "Wait until the job has started its instance")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		uri, err := a.lookupURI(args[0], o)
		if err != nil {
			return err
		}
		fmt.Fprintln(a.out, uri)
		return nil
	}
	return cmd
}

// uriOptions are options, or words behind a target's question mark.
type uriOptions struct {
	remote, local, wait bool
	here                bool // of lsf: this is the job's node
}

func (o *uriOptions) words(query string) error {
	for _, w := range strings.Split(query, "&") {
		switch w {
		case "":
		case "local":
			o.local = true
		case "remote":
			o.remote = true
		case "wait":
			o.wait = true
		case onComputeNode:
			o.here = true
		default:
			return fail("unknown query option %q", w)
		}
	}
	if o.local && o.remote {
		return fail("only one of 'local' or 'remote' is allowed")
	}
	return nil
}

// lookupURI finds the URI of what a target names.
func (a *app) lookupURI(target string, o uriOptions) (string, error) {
	scheme, path, ok := strings.Cut(target, ":")
	if !ok {
		scheme, path = "jobid", target
	}
	if _, set := os.LookupEnv("FLUX_URI_RESOLVE_LOCAL"); set {
		o.local, o.remote = true, false
	}
	path, query, _ := strings.Cut(path, "?")
	if err := o.words(query); err != nil {
		return "", err
	}
	if o.here && scheme != "lsf" {
		return "", fail("%s is a query option of lsf alone", onComputeNode)
	}
	var uri string
	var err error
	switch scheme {
	case "local", "ssh":
		uri = scheme + ":" + path
	case "jobid":
		uri, err = a.jobURI(path, o.wait)
	case "pid":
		uri, err = processURI(path)
	case "slurm":
		uri, err = a.slurmURI(path)
	case "lsf":
		uri, err = a.lsfURI(path, o.here)
	default:
		return "", fail("No plugin for URI scheme %s", scheme)
	}
	switch {
	case err != nil:
		return "", err
	case o.local:
		return jobinfo.LocalURI(uri), nil
	case o.remote:
		return remoteURI(uri)
	}
	return uri, nil
}

// remoteURI makes a URI of this host one for others.
func remoteURI(uri string) (string, error) {
	path, ok := strings.CutPrefix(uri, "local://")
	if !ok {
		return uri, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fail("the name of this host: %v", err)
	}
	return "ssh://" + host + path, nil
}

// jobURI follows a path of jobs and parents from the enclosing instance.
func (a *app) jobURI(path string, wait bool) (string, error) {
	h, err := a.open()
	if err != nil {
		return "", err
	}
	uri, err := h.Attr(a.ctx, "local-uri")
	if err != nil {
		return "", fail("local-uri: %v", err)
	}
	step := func(next string, err error) error {
		if err != nil {
			return err
		}
		uri = next
		if h, err = flux.Open(a.ctx, jobinfo.LocalURI(uri)); err != nil {
			return fail("error connecting to %s: %v", uri, err)
		}
		return nil
	}
	if rest, ok := strings.CutPrefix(path, "/"); ok {
		for path = rest; ; {
			parent, err := parentOf(a.ctx, h)
			if err != nil || parent == "" {
				break
			}
			if err := step(parent, nil); err != nil {
				return "", err
			}
		}
	}
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	for i, part := range parts {
		var next string
		switch part {
		case ".":
			continue
		case "..":
			if next, err = parentOf(a.ctx, h); err == nil && next == "" {
				err = fail("the root instance has no parent")
			}
		default:
			next, err = a.memoOf(h, part, wait)
		}
		if i == len(parts)-1 {
			return next, err
		}
		if err := step(next, err); err != nil {
			return "", err
		}
	}
	return uri, nil
}

// parentOf is the URI of the instance that an instance is a job of, or "".
func parentOf(ctx context.Context, h *flux.Client) (string, error) {
	uri, err := h.Attr(ctx, "parent-uri")
	if errors.Is(err, syscall.ENOENT) {
		return "", nil
	}
	return uri, err
}

// memoOf is the URI that the instance a job is has left in its memo.
func (a *app) memoOf(h *flux.Client, text string, wait bool) (string, error) {
	id, err := jobid.Parse(text)
	if err != nil {
		return "", fail("%s is not a valid Flux jobid", text)
	}
	if wait {
		return a.waitMemo(h, id, text)
	}
	var resp struct {
		Job struct {
			State       int `json:"state"`
			Annotations struct {
				User struct {
					URI string `json:"uri"`
				} `json:"user"`
			} `json:"annotations"`
		} `json:"job"`
	}
	err = h.RPC(a.ctx, "job-list.list-id", flux.NodeAny, rpc.JobListID{ID: id, Attrs: []string{"state", "annotations"}}, &resp)
	switch {
	case errors.Is(err, syscall.ENOENT):
		return "", fail("jobid %s not found", text)
	case err != nil:
		return "", fail("jobid %s: %v", text, err)
	case resp.Job.State != jobStateRun:
		return "", fail("jobid %s is not running", text)
	case resp.Job.Annotations.User.URI == "":
		return "", fail("URI not found for job %s", text)
	}
	return resp.Job.Annotations.User.URI, nil
}

// waitMemo waits for it.
func (a *app) waitMemo(h *flux.Client, id jobid.ID, text string) (string, error) {
	call, err := attach.OpenLog(h, id, mainLogPath, 0)
	if err != nil {
		return "", err
	}
	for {
		var memo struct {
			URI string `json:"uri"`
		}
		e, err := attach.NextEntry(a.ctx, call)
		switch {
		case errors.Is(err, syscall.ENOENT):
			return "", fail("jobid %s not found", text)
		case err != nil:
			return "", fail("URI not found for job %s", text)
		case e.Name == "memo" && e.UnmarshalContext(&memo) == nil && memo.URI != "":
			return memo.URI, nil
		case e.Name == "clean":
			return "", fail("jobid %s is not running", text)
		}
	}
}

// processURI is the FLUX_URI of a process, or, of a broker, that of a child: a
// broker's own is its parent's.
func processURI(text string) (string, error) {
	pid, err := strconv.Atoi(text)
	if err != nil {
		return "", fail("%q is not a process id", text)
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return "", fail("%v", err)
	}
	pids := []int{pid}
	broker := strings.HasPrefix(string(name), "flux-broker")
	if broker {
		if pids = childrenOf(pid); len(pids) == 0 {
			return "", fail("PID %d is a flux-broker and no child found", pid)
		}
	}
	for _, p := range pids {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p))
		if err != nil {
			continue
		}
		for _, v := range bytes.Split(env, []byte{0}) {
			if uri, ok := bytes.CutPrefix(v, []byte("FLUX_URI=")); ok {
				return string(uri), nil
			}
		}
	}
	return "", fail("PID %d doesn't seem to have a FLUX_URI", pid)
}

// childrenOf lists the processes that a process has started.
func childrenOf(pid int) (out []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is well formed
	for _, l := range lists {
		b, err := os.ReadFile(l)
		if err != nil {
			continue
		}
		for _, f := range strings.Fields(string(b)) {
			if n, err := strconv.Atoi(f); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}
