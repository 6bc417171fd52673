// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/rpc"
)

// newGetattr is flux getattr.
func newGetattr(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "getattr NAME",
		Short: "print a broker attribute",
		Args:  a.operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			value, err := h.Attr(a.ctx, args[0])
			if err != nil {
				return fail("%s: %v", args[0], err)
			}
			fmt.Fprintln(a.out, value)
			return nil
		},
	}
}

// newSetattr is flux setattr.
func newSetattr(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "setattr NAME VALUE",
		Short: "set a broker attribute",
		Args:  a.operands(2, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			req := rpc.AttrSet{Name: args[0], Value: args[1], Force: force}
			if err := h.RPC(a.ctx, "attr.set", flux.NodeAny, req, nil); err != nil {
				return fail("%s: %v", args[0], err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "Set even an attribute that is not meant to change at run time")
	return cmd
}

// newLsattr is flux lsattr.
func newLsattr(a *app) *cobra.Command {
	var values bool
	cmd := &cobra.Command{
		Use:   "lsattr",
		Short: "list broker attributes",
		Args:  a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			var list rpc.AttrNames
			if err := h.RPC(a.ctx, "attr.list", flux.NodeAny, nil, &list); err != nil {
				return fail("attr.list: %v", err)
			}
			slices.Sort(list.Names)
			if values {
				return a.printAttrs(h, list.Names)
			}
			for _, name := range list.Names {
				fmt.Fprintln(a.out, name)
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&values, "values", "v", false, "List the values too")
	return cmd
}

// printAttrs prints names with their values; all are asked for at once.
func (a *app) printAttrs(h *flux.Client, names []string) error {
	calls := make([]*flux.Call, len(names))
	for i, name := range names {
		var err error
		if calls[i], err = h.Go("attr.get", flux.NodeAny, rpc.Name{Name: name}); err != nil {
			return fail("%s: %v", name, err)
		}
	}
	for i, name := range names {
		var attr rpc.AttrValue
		if err := calls[i].Get(a.ctx, &attr); err != nil {
			if !errors.Is(err, syscall.ENOENT) {
				return fail("%s: %v", name, err)
			}
			attr.Value = "-"
		}
		fmt.Fprintf(a.out, "%-40s%s\n", name, attr.Value)
	}
	return nil
}
