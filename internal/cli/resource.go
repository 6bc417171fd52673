// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/internal/cli/outfmt"
	"goflux/internal/rpc"
)

// newResource is flux resource.
func newResource(a *app) *cobra.Command {
	cmd := a.group("resource COMMAND", "look at and change the instance's resources")
	cmd.AddCommand(a.resourceAcquireMute(), a.resourceDrain(), a.resourceUndrain(), a.resourceStatus(), a.resourceList(),
		a.resourceInfo(), a.resourceReload(), a.resourceR(), a.resourceEventlog())
	return cmd
}

// resourceFormats are the named formats of a subcommand of flux resource.
func resourceFormats(subcommand string, builtin []outfmt.Named) outfmt.Set {
	return outfmt.Set{
		Tool:       "flux-resource",
		Subcommand: subcommand,
		Builtin:    builtin,
		Tables:     map[string][]string{"status": nil, "drain": nil, "list": {"hidden-queues"}},
	}
}

// resourceView are the options on which resources to show and how.
type resourceView struct {
	format, include, configFile string
	states                      string
	queues                      []string
	noHeader, fromStdin         bool
	skipEmpty, noSkipEmpty      bool
}

// flags adds the options that every view has.
func (v *resourceView) flags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVarP(&v.include, "include", "i", "", "Show only these hosts or ranks (`TARGETS`)")
	fs.StringSliceVarP(&v.queues, "queue", "q", nil, "Show only the resources of these queues (`QUEUE,...`)")
	fs.BoolVar(&v.fromStdin, "from-stdin", false, "Read the answer of the service from standard input")
	fs.StringVar(&v.configFile, "config-file", "", "Read the configuration from a JSON file")
	_ = fs.MarkHidden("from-stdin")
	_ = fs.MarkHidden("config-file")
}

func (v *resourceView) formatFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&v.format, "format", "o", "default", "Print these fields, or use a format by `NAME`; help lists the names")
	cmd.Flags().BoolVarP(&v.noHeader, "no-header", "n", false, "Print no header")
}

func (v *resourceView) stateFlags(cmd *cobra.Command, fallback string) {
	cmd.Flags().StringVarP(&v.states, "states", "s", fallback, "Show resources in these states (`STATE,...`)")
	cmd.Flags().StringVar(&v.states, "state", fallback, "The same as --states")
	_ = cmd.Flags().MarkHidden("state")
}

func (a *app) resourceAcquireMute() *cobra.Command {
	return &cobra.Command{
		Use:   "acquire-mute",
		Short: "stop telling the scheduler about nodes going down",
		Args:  a.operands(0, 0),
		RunE:  func(*cobra.Command, []string) error { return a.notifyResource("acquire-mute", rpc.Empty{}) },
	}
}

// notifyResource makes a request of the resource service that answers nothing.
func (a *app) notifyResource(method string, req any) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	return h.RPC(a.ctx, "resource."+method, 0, req, nil)
}

// drainMode is the mode of drain and undrain requests for their options.
func drainMode(update bool, force int) (string, error) {
	switch {
	case update && force > 0:
		return "", fail("Only one of --force and --update may be specified")
	case update:
		return "update", nil
	case force == 1:
		return "overwrite", nil
	case force > 1:
		return "force-overwrite", nil
	}
	return "", nil
}

// drainRequest is the request for the operands TARGETS [REASON...].
func drainRequest(args []string, mode string) rpc.ResourceDrain {
	req := rpc.ResourceDrain{Targets: args[0], Mode: mode}
	if len(args) > 1 {
		reason := strings.Join(args[1:], " ")
		req.Reason = &reason
	}
	return req
}

func (a *app) resourceDrain() *cobra.Command {
	var v resourceView
	var force int
	var update bool
	cmd := &cobra.Command{Use: "drain [TARGETS [REASON...]]", Short: "drain nodes, or list those that are"}
	fs := cmd.Flags()
	fs.CountVarP(&force, "force", "f", "Overwrite the reason of nodes already drained; twice, the time too")
	fs.BoolVarP(&update, "update", "u", false, "Leave nodes already drained as they are")
	v.flags(cmd)
	v.formatFlags(cmd)
	when := colorFlag(cmd, "L")
	ownArgs(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			v.states, v.skipEmpty = "drain", true
			return a.showStatus(v, resourceFormats("drain", drainFormats), *when)
		}
		mode, err := drainMode(update, force)
		if err != nil {
			return err
		}
		err = a.notifyResource("drain", drainRequest(args, mode))
		if err == nil {
			return nil
		}
		var local *statusError
		if errors.As(err, &local) {
			return err
		}
		a.warnf("ERROR: %s", osErrorText(err))
		if errors.Is(err, syscall.EEXIST) {
			a.warnf("INFO: Use --force to overwrite existing drain reason")
		}
		return exitStatus(1)
	}
	return cmd
}

func (a *app) resourceUndrain() *cobra.Command {
	var force int
	var update bool
	cmd := &cobra.Command{Use: "undrain TARGETS [REASON...]", Short: "undrain nodes"}
	fs := cmd.Flags()
	fs.CountVarP(&force, "force", "f", "It is no mistake if nodes are not drained; overwrite the reason; twice, the time too")
	fs.BoolVarP(&update, "update", "u", false, "It is no mistake if nodes are not drained")
	ownArgs(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError("the following arguments are required: targets")
		}
		mode, err := drainMode(update, force)
		if err != nil {
			return err
		}
		return a.notifyResource("undrain", drainRequest(args, mode))
	}
	return cmd
}

func (a *app) resourceReload() *cobra.Command {
	var req rpc.ResourceReload
	cmd := &cobra.Command{Use: "reload PATH", Short: "read the inventory from a file again", Args: a.operands(1, 1)}
	cmd.Flags().BoolVarP(&req.XML, "xml", "x", false, "PATH is a directory of RANK.xml files in hwloc's form")
	cmd.Flags().BoolVarP(&req.Force, "force", "f", false, "Accept ranks that have no broker")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		path, err := filepath.Abs(args[0])
		if err != nil {
			return err
		}
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		req.Path = path
		return a.notifyResource("reload", req)
	}
	return cmd
}

// parseStates splits a list of states and refuses those that are not known.
func (a *app) parseStates(list string, known []string) ([]string, error) {
	var states []string
	for state := range strings.SplitSeq(list, ",") {
		ok := false
		for _, k := range known {
			ok = ok || k == state
		}
		if !ok {
			a.warnf("ERROR: Invalid resource state %s specified", state)
			a.warnf("INFO: valid states: %s", strings.Join(known, ","))
			return nil, exitStatus(1)
		}
		states = append(states, state)
	}
	return states, nil
}

// chooseFormat parses the format that the view asks for. done says that what
// was asked for has been printed.
func (a *app) chooseFormat(v resourceView, set outfmt.Set, headings map[string]string) (f *outfmt.Format, done bool, err error) {
	text, done, err := set.Resolve(a.out, v.format)
	if err != nil || done {
		return nil, done, err
	}
	f, err = outfmt.Parse(text, headings)
	return f, false, err
}
