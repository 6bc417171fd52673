// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/rpc"
)

// newModule is flux module.
func newModule(a *app) *cobra.Command {
	cmd := a.group("module COMMAND", "load, list and watch broker modules")
	cmd.Annotations = map[string]string{helpFails: "true"}
	cmd.AddCommand(a.moduleList(), a.moduleRemove("remove", false), a.moduleRemove("unload", true), a.moduleLoad(),
		a.moduleReload(), a.moduleStats(), a.moduleDebug(), a.moduleTrace())
	return cmd
}

func (a *app) moduleList() *cobra.Command {
	var long bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the loaded modules",
		Args:  a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			var list rpc.ModuleList
			if err := h.RPC(a.ctx, "module.list", flux.NodeAny, nil, &list); err != nil {
				return fail("list: %v", err)
			}
			a.printModules(list.Mods, long)
			return nil
		},
	}
	cmd.Flags().BoolVarP(&long, "long", "l", false, "Print the modules' paths too")
	return cmd
}

// maxIdle is the longest idle time, in seconds, that is told exactly.
const maxIdle = 99

// moduleStates are the letters of RFC 5's module states.
const moduleStates = "IRFX"

// serviceColumn is the width of the list of services when a path follows it.
const serviceColumn = 8

func (a *app) printModules(mods []rpc.Module, long bool) {
	row := func(values ...any) {
		format := "%-25s %4s  %s %5s %5s %s\n"
		if long {
			format = "%-25.25s %4s  %s %5s %5s %-8s %s\n"
		}
		fmt.Fprintf(a.out, format, values...)
	}
	if long {
		row("Module", "Idle", "S", "Sendq", "Recvq", "Service", "Path")
	} else {
		row("Module", "Idle", "S", "Sendq", "Recvq", "Service")
	}
	for _, m := range mods {
		idle := "idle"
		if m.Idle <= maxIdle {
			idle = strconv.Itoa(m.Idle)
		}
		state := "?"
		if m.Status >= 0 && m.Status < len(moduleStates) {
			state = moduleStates[m.Status : m.Status+1]
		}
		services := slices.DeleteFunc(slices.Clone(m.Services), func(s string) bool { return s == m.Name })
		text := strings.Join(services, ",")
		values := []any{m.Name, idle, state, strconv.Itoa(m.SendQueue), strconv.Itoa(m.RecvQueue)}
		if !long {
			row(append(values, text)...)
			continue
		}
		if len(text) > serviceColumn {
			text = text[:serviceColumn-1] + "+"
		}
		row(append(values, text, m.Path)...)
	}
}

// moduleOptions are the options of loading and removing.
type moduleOptions struct {
	name, loader        string
	exec, force, cancel bool
}

func (o *moduleOptions) loading(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVarP(&o.name, "name", "n", "", "Load under another `NAME`")
	fs.BoolVar(&o.exec, "exec", false, "Load the module as a process of its own")
	fs.StringVar(&o.loader, "loader", "", "Run the module with the program at `PATH`; implies --exec")
}

func (o *moduleOptions) removing(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&o.force, "force", "f", false, "It is no mistake if the module is not loaded")
	cmd.Flags().BoolVar(&o.cancel, "cancel", false, "Stop a module that does not respond")
}

func (a *app) moduleLoad() *cobra.Command {
	var o moduleOptions
	cmd := &cobra.Command{
		Use:   "load MODULE [ARGS...]",
		Short: "load a module",
		Args:  a.operands(1, -1),
		RunE:  func(_ *cobra.Command, args []string) error { return a.loadModule(o, args) },
	}
	o.loading(cmd)
	return cmd
}

func (a *app) moduleRemove(name string, hidden bool) *cobra.Command {
	var o moduleOptions
	cmd := &cobra.Command{
		Use:    name + " MODULE",
		Short:  "unload a module",
		Hidden: hidden,
		Args:   a.operands(1, 1),
		RunE:   func(_ *cobra.Command, args []string) error { return a.removeModule(o, args[0]) },
	}
	o.removing(cmd)
	return cmd
}

func (a *app) moduleReload() *cobra.Command {
	var o moduleOptions
	cmd := &cobra.Command{
		Use:   "reload MODULE [ARGS...]",
		Short: "unload a module and load it again",
		Args:  a.operands(1, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			loaded := args[0]
			if o.name != "" {
				loaded = o.name
			}
			if err := a.removeModule(o, loaded); err != nil {
				return err
			}
			return a.loadModule(o, args)
		},
	}
	o.loading(cmd)
	o.removing(cmd)
	return cmd
}

func (a *app) loadModule(o moduleOptions, args []string) error {
	path, err := modulePath(args[0])
	if err != nil {
		return err
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	req := rpc.ModuleLoad{Path: path, Name: o.name, Args: args[1:], Exec: o.exec || o.loader != "", Loader: o.loader}
	if err := h.RPC(a.ctx, "module.load", flux.NodeAny, req, nil); err != nil {
		return fail("load %s: %v", args[0], err)
	}
	return nil
}

func (a *app) removeModule(o moduleOptions, name string) error {
	path, err := modulePath(name)
	if err != nil {
		return err
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	req := rpc.ModuleRemove{Name: path, Cancel: o.cancel}
	err = h.RPC(a.ctx, "module.remove", flux.NodeAny, req, nil)
	if err != nil && !(o.force && errors.Is(err, syscall.ENOENT)) {
		return fail("remove %s: %v", name, err)
	}
	return nil
}

// modulePath makes a path absolute, for a broker with another working
// directory; a bare name stays one.
func modulePath(name string) (string, error) {
	if !strings.Contains(name, "/") && !strings.HasSuffix(name, ".so") {
		return name, nil
	}
	path, err := filepath.Abs(name)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", fail("could not canonicalize module path '%s': %v", name, err)
	}
	return path, nil
}
