// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/config"
	"goflux/internal/message"
	"goflux/internal/modprobe"
	"goflux/internal/rpc"
)

// newModprobe is flux modprobe (flux-modprobe(1)).
func newModprobe(a *app) *cobra.Command {
	cmd := a.group("modprobe", "load and remove modules in the order of their needs")
	cmd.AddCommand(
		a.modprobeLoad(), a.modprobeRemove(), a.modprobeRun(), a.modprobeRC("rc1"), a.modprobeRC("rc3"),
		a.modprobeShow(), a.modprobeDependencies(),
	)
	return cmd
}

// modprobeOptions are those of several subcommands.
type modprobeOptions struct {
	dryRun, verbose, showDeps, full bool
	alternatives, disable           []string
}

// openModprobe reads the tables of modules for the instance.
func (a *app) openModprobe(o *modprobeOptions) (*modprobe.Modprobe, error) {
	h, err := a.open()
	if err != nil {
		return nil, err
	}
	inst, err := newRemote(a.ctx, h)
	if err != nil {
		return nil, err
	}
	m, err := modprobe.New(inst, modprobe.Options{
		Out:    func(line string) { fmt.Fprintln(a.out, line); a.flush() },
		Err:    func(line string) { fmt.Fprintln(a.err, line) },
		DryRun: o.dryRun, Verbose: o.verbose,
	})
	if err != nil {
		return nil, err
	}
	for _, alt := range o.alternatives {
		service, name, ok := strings.Cut(alt, "=")
		if !ok || service == "" {
			return nil, fail("--set-alternative: invalid value '%s'", alt)
		}
		if err := m.SetAlternative(service, name); err != nil {
			return nil, err
		}
	}
	for _, name := range splitAll(o.disable) {
		if err := m.Disable(name); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (a *app) modprobeLoad() *cobra.Command {
	var o modprobeOptions
	cmd := &cobra.Command{
		Use: "load [OPTIONS] MODULE...", Short: "load modules and what they require", Args: a.operands(1, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := a.openModprobe(&o)
			if err != nil {
				return err
			}
			err = m.Load(a.ctx, args)
			if errors.Is(err, syscall.EEXIST) {
				fmt.Fprintln(a.err, "flux-modprobe: INFO: All modules and dependencies are already loaded")
				return nil
			}
			return reported(err)
		},
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "Print what would be done")
	return cmd
}

// reported is an error without words when the tasks that failed have had theirs.
func reported(err error) error {
	if errors.Is(err, modprobe.ErrFailed) {
		return exitStatus(1)
	}
	return err
}

func (a *app) modprobeRemove() *cobra.Command {
	var o modprobeOptions
	cmd := &cobra.Command{
		Use: "remove [OPTIONS] MODULE...", Short: "remove modules and what only they required", Args: a.operands(1, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := a.openModprobe(&o)
			if err != nil {
				return err
			}
			return reported(m.Remove(a.ctx, args))
		},
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "Print what would be done")
	return cmd
}

// modprobeRC is rc1 or rc3.
func (a *app) modprobeRC(name string) *cobra.Command {
	var o modprobeOptions
	short := map[string]string{"rc1": "bring a broker's modules up", "rc3": "bring a broker's modules down"}[name]
	cmd := &cobra.Command{
		Use: name + " [OPTIONS]", Short: short, Args: a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			m, err := a.openModprobe(&o)
			if err != nil {
				return err
			}
			defer m.Close()
			switch {
			case name == "rc3":
				return reported(m.RC3(a.ctx))
			case o.showDeps:
				order, err := m.RC1Order(a.ctx)
				if err != nil {
					return err
				}
				return a.printJSON(order)
			}
			return reported(m.RC1(a.ctx))
		},
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "Print tasks as they are run")
	fs.BoolVar(&o.dryRun, "dry-run", false, "Print what would be done")
	if name == "rc1" {
		fs.BoolVar(&o.showDeps, "show-deps", false, "Print what comes before each task")
	}
	return cmd
}

func (a *app) printJSON(v any) error {
	b, err := message.Marshal(v)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s\n", b)
	return nil
}

func (a *app) modprobeRun() *cobra.Command {
	var o modprobeOptions
	cmd := &cobra.Command{
		Use: "run [OPTIONS] FILE", Short: "run the tasks of a Python file", Args: a.operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error { return a.runTasks(&o, args[0]) },
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.showDeps, "show-deps", false, "Print what comes before each task")
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "Print tasks as they are run")
	fs.BoolVar(&o.dryRun, "dry-run", false, "Print what would be done")
	return cmd
}

func (a *app) runTasks(o *modprobeOptions, file string) error {
	m, err := a.openModprobe(o)
	if err != nil {
		return err
	}
	defer m.Close()
	if !o.showDeps {
		return reported(m.RunFile(a.ctx, file))
	}
	order, err := m.FileOrder(a.ctx, file)
	if err != nil {
		return err
	}
	return a.printJSON(order)
}

func (a *app) modprobeShow() *cobra.Command {
	var o modprobeOptions
	cmd := &cobra.Command{
		Use: "show [OPTIONS] MODULE", Short: "print what is known of a module", Args: a.operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := a.openModprobe(&o)
			if err == nil {
				err = m.DisableByEnv()
			}
			if err != nil {
				return err
			}
			t, err := m.Resolve(args[0], false)
			if err != nil {
				return err
			}
			return a.printJSON(t.Describe())
		},
	}
	o.choiceFlags(cmd)
	return cmd
}

func (o *modprobeOptions) choiceFlags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&o.alternatives, "set-alternative", "S", nil, "Use a module for a service (`NAME=MODULE`)")
	cmd.Flags().StringArrayVarP(&o.disable, "disable", "D", nil, "Leave a module out (`NAME`)")
}

func (a *app) modprobeDependencies() *cobra.Command {
	var o modprobeOptions
	cmd := &cobra.Command{
		Use: "list-dependencies [OPTIONS] MODULE", Short: "draw what a module requires", Args: a.operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := a.openModprobe(&o)
			if err == nil {
				err = m.DisableByEnv()
			}
			if err != nil {
				return err
			}
			return a.drawDependencies(m, args[0], o.full)
		},
	}
	o.choiceFlags(cmd)
	cmd.Flags().BoolVarP(&o.full, "full", "f", false, "Draw a module again wherever it is required")
	return cmd
}

// dependency is a node of the drawing.
type dependency struct {
	name, label string
	requires    []*dependency
}

// drawDependencies draws a tree. A module is drawn once, as near to the root as
// it can be, unless full.
func (a *app) drawDependencies(m *modprobe.Modprobe, name string, full bool) error {
	root := &dependency{name: name}
	seen := map[string]bool{}
	for queue := []*dependency{root}; len(queue) > 0; queue = queue[1:] {
		d := queue[0]
		t, err := m.Get(d.name)
		if err != nil {
			return err
		}
		d.label = d.name
		if t.Name != d.name {
			d.label += " (" + t.Name + ")"
		}
		seen[t.Name] = true
		for _, r := range t.Requires {
			if full || !seen[r] {
				seen[r] = true
				child := &dependency{name: r}
				d.requires = append(d.requires, child)
				queue = append(queue, child)
			}
		}
	}
	fmt.Fprintln(a.out, root.label)
	a.drawRequired(root, "")
	return nil
}

func (a *app) drawRequired(d *dependency, indent string) {
	for i, r := range d.requires {
		branch, further := "├── ", "│   "
		if i == len(d.requires)-1 {
			branch, further = "└── ", "    "
		}
		fmt.Fprintln(a.out, indent+branch+r.label)
		a.drawRequired(r, indent+further)
	}
}

// remote is an instance that modules are loaded into over a connection.
type remote struct {
	ctx  context.Context
	h    *flux.Client
	rank uint32
	conf config.Table
}

func newRemote(ctx context.Context, h *flux.Client) (*remote, error) {
	r := &remote{ctx: ctx, h: h}
	var err error
	if r.rank, err = h.Rank(ctx); err != nil {
		return nil, fail("Error fetching rank: %v", err)
	}
	if r.conf, err = brokerConfig(ctx, h); err != nil {
		return nil, err
	}
	return r, nil
}

// brokerConfig is the configuration of the broker.
func brokerConfig(ctx context.Context, h *flux.Client) (config.Table, error) {
	call, err := h.Go("config.get", flux.NodeAny, nil)
	var m *flux.Message
	if err == nil {
		m, err = call.Message(ctx)
	}
	conf := config.Table{}
	if err == nil {
		err = config.Update(conf, string(m.JSON()))
	}
	if err != nil {
		return nil, fail("Error fetching flux config: %v", err)
	}
	return conf, nil
}

func (r *remote) Rank() uint32         { return r.rank }
func (r *remote) Config() config.Table { return r.conf }
func (r *remote) Environ() []string    { return os.Environ() }

func (r *remote) Attr(name string) (string, bool) {
	v, err := r.h.Attr(r.ctx, name)
	return v, err == nil
}

func (r *remote) Getenv(name string) (string, bool) {
	if v, ok := os.LookupEnv(name); ok {
		return v, true
	}
	var env rpc.Env
	if err := r.h.RPC(r.ctx, "broker.getenv", flux.NodeAny, rpc.EnvNames{Names: []string{name}}, &env); err != nil {
		return "", false
	}
	v, ok := env.Env[name]
	return v, ok
}

func (r *remote) RPC(ctx context.Context, topic string, req, resp any) error {
	return r.h.RPC(ctx, topic, flux.NodeAny, req, resp)
}
