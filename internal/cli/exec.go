// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/idset"
	"goflux/internal/rpc"
)

type execOptions struct {
	ranks, exclude, label, dir, service, stdinFlow, jobid string
	setopts                                               []string
	background, waitable, attach, labelIO, noInput        bool
	verbose, quiet, withIMP                               bool
	dirSet                                                bool
}

// newExec is flux exec: a command on many brokers at once.
func newExec(a *app) *cobra.Command {
	var o execOptions
	cmd := &cobra.Command{
		Use:   "exec COMMAND...",
		Short: "run a command on brokers or on the nodes of a job",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dirSet = cmd.Flags().Changed("dir")
			if o.label == "" && cmd.Flags().Changed("label") {
				return fail("failed to set label: it is empty")
			}
			return a.exec(o, args)
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.ranks, "rank", "r", "all", "Run on the ranks `IDSET`")
	fs.StringVarP(&o.exclude, "exclude", "x", "", "Do not run on the ranks `IDSET`")
	fs.BoolVar(&o.background, "bg", false, "Start the command in the background, print its process ids and end")
	fs.BoolVar(&o.waitable, "waitable", false, "With --bg, keep the exit status for flux sproc wait")
	fs.BoolVar(&o.attach, "attach", false, "Attach to a background process, named by pid or label")
	fs.StringVar(&o.label, "label", "", "Give the remote process a name (`LABEL`)")
	fs.StringVarP(&o.dir, "dir", "d", "", "Run in the directory `PATH`")
	fs.BoolVarP(&o.labelIO, "label-io", "l", false, "Begin lines of output with the rank they come from")
	fs.BoolVarP(&o.noInput, "noinput", "n", false, "Do not forward standard input")
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "Tell what happens")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Do not tell which ranks failed")
	fs.BoolVar(&o.withIMP, "with-imp", false, "Run the command under flux-imp run")
	fs.StringVarP(&o.jobid, "jobid", "j", "", "Run on the nodes of a job (`JOBID`)")
	fs.StringVar(&o.service, "service", "", "Ask the service `NAME`")
	fs.StringArrayVar(&o.setopts, "setopt", nil, "Set a subprocess option (`NAME=VALUE`)")
	fs.StringVar(&o.stdinFlow, "stdin-flow", "on", "Control the flow of standard input: on or off")
	for _, name := range []string{"service", "setopt", "stdin-flow"} {
		_ = fs.MarkHidden(name)
	}
	return cmd
}

func (o *execOptions) check(args []string) error {
	switch {
	case o.attach && len(args) == 0:
		return fail("--attach requires a pid or label argument")
	case o.attach && len(args) > 1:
		return fail("--attach takes a single pid or label argument")
	case o.attach && (o.background || o.waitable):
		return fail("--attach cannot be used with --bg or --waitable")
	case len(args) == 0:
		return usageError("missing COMMAND")
	case o.waitable && !o.background:
		return fail("--waitable can only be used with --bg")
	case o.stdinFlow != "on" && o.stdinFlow != "off":
		return fail("Set --stdin-flow to on or off")
	}
	return nil
}

func (a *app) exec(o execOptions, args []string) error {
	if err := o.check(args); err != nil {
		return err
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	targets, service, err := a.execTargets(h, o)
	if err != nil {
		return err
	}
	if o.service != "" {
		service = o.service
	}
	e := &execution{app: a, h: h, options: o, service: service, ranks: targets}
	if o.attach {
		e.target = pidOrLabel(args[0])
		if e.target.Label == "" && targets.Len() > 1 {
			return fail("--attach by pid requires a single target rank (use --rank)")
		}
	} else if e.cmd, err = a.remoteCommand(h, o, args); err != nil {
		return err
	}
	if o.background {
		return e.startInBackground()
	}
	return e.run()
}

// pidOrLabel understands what names a process.
func pidOrLabel(s string) rpc.RexecTarget {
	if pid, err := strconv.ParseInt(s, 10, 32); err == nil && pid > 0 {
		return rpc.RexecTarget{Pid: int(pid)}
	}
	return rpc.RexecTarget{Pid: -1, Label: s}
}

// execTargets are the ranks to run on and the service to ask.
func (a *app) execTargets(h *flux.Client, o execOptions) (*idset.Set, string, error) {
	var ranks *idset.Set
	service := "rexec"
	if o.jobid != "" {
		var err error
		if ranks, service, err = a.jobShells(h, o.jobid); err != nil {
			return nil, "", err
		}
	} else {
		size, err := h.Size(a.ctx)
		if err != nil {
			return nil, "", fail("size: %v", err)
		}
		ranks = idset.FromRange(0, size-1)
	}
	targets, err := chooseRanks(ranks, o.ranks, o.exclude, o.jobid != "")
	if err != nil {
		return nil, "", err
	}
	if targets.Empty() {
		return nil, "", fail("No targets specified")
	}
	return targets, service, nil
}

// chooseRanks picks from ranks those at the indices include ("all" for every
// one), less those in exclude: indices too if relative, otherwise ranks.
func chooseRanks(ranks *idset.Set, include, exclude string, relative bool) (*idset.Set, error) {
	chosen := idset.FromRange(0, uint32(ranks.Len()-1))
	if include != "all" {
		ids, err := idset.Parse(include)
		if err != nil {
			return nil, fail("failed to decode idset '%s': %v", include, err)
		}
		if !ids.SubsetOf(chosen) {
			return nil, fail("One or more invalid --ranks specified: %s", include)
		}
		chosen = ids
	}
	excluded, err := idset.Parse(exclude)
	if err != nil {
		return nil, fail("error decoding --exclude idset: %v", err)
	}
	targets := idset.New()
	for i := range chosen.All() {
		rank, _ := ranks.At(int(i))
		if !(relative && excluded.Contains(i)) && !(!relative && excluded.Contains(rank)) {
			targets.Add(rank)
		}
	}
	return targets, nil
}

// remoteCommand is the command object of RFC 42 for args run as options say,
// with this process's environment.
func (a *app) remoteCommand(h *flux.Client, o execOptions, args []string) (*rpc.Command, error) {
	cmd := &rpc.Command{Cmdline: args, Env: environMap(), Opts: map[string]string{}, Label: o.label}
	if cmd.Cwd = o.dir; !o.dirSet {
		var err error
		if cmd.Cwd, err = os.Getwd(); err != nil {
			return nil, fail("working directory: %v", err)
		}
	}
	if cmd.Cwd == "none" {
		cmd.Cwd = ""
	}
	for _, opt := range o.setopts {
		name, value, ok := strings.Cut(opt, "=")
		if !ok {
			return nil, fail("error handling '%s' option: NAME=VALUE is meant", opt)
		}
		cmd.Opts[name] = value
	}
	delete(cmd.Env, "FLUX_PROXY_REMOTE")
	if cmd.Env["DBUS_SESSION_BUS_ADDRESS"] == "" {
		owner, err := h.Attr(a.ctx, "security.owner")
		if err != nil {
			return nil, fail("security.owner: %v", err)
		}
		cmd.Env["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/run/user/" + owner + "/bus"
	}
	if o.withIMP {
		imp, err := a.impPath()
		if err != nil {
			return nil, err
		}
		cmd.Cmdline = append([]string{imp, "run"}, args...)
	}
	return cmd, nil
}

// impPath is where the configuration says the IMP is.
func (a *app) impPath() (string, error) {
	conf, err := a.fetchConfig("")
	if err != nil {
		return "", err
	}
	v, ok := jsonPath(conf, "exec.imp")
	if !ok || v.Kind() != '"' {
		return "", fail("--with-imp: exec.imp path not found in config")
	}
	path, _ := configText(v, "string")
	return filepath.Clean(path), nil
}

// startInBackground starts the processes, prints their ids and leaves them.
func (e *execution) startInBackground() error {
	flags := 0
	if e.options.waitable {
		flags |= rpc.RexecWaitable
	}
	var calls []*flux.Call
	for rank := range e.ranks.All() {
		call, err := e.h.Go(e.service+".exec", rank, rpc.RexecExec{Cmd: e.cmd, Flags: flags})
		if err != nil {
			return fail("failed to start all processes in background: %v", err)
		}
		calls = append(calls, call)
	}
	status, i := 0, 0
	for rank := range e.ranks.All() {
		var ev rpc.RexecEvent
		if err := calls[i].Get(e.app.ctx, &ev); err != nil {
			e.app.warnf("Error: rank %d: %s: %s", rank, e.cmd.Cmdline[0], errorText(err))
			status = 1
		} else {
			fmt.Fprintf(e.app.out, "%d: %d\n", rank, ev.Pid)
			e.app.flush()
		}
		i++
	}
	return exitStatus(status)
}
