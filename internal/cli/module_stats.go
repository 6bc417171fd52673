// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/rpc"
)

type statsOptions struct {
	parse, kind, rusage string
	scale               float64
	clear, clearAll     bool
}

func (a *app) moduleStats() *cobra.Command {
	var o statsOptions
	cmd := &cobra.Command{
		Use:   "stats MODULE",
		Short: "print a module's statistics",
		Args:  a.operands(1, 1),
		RunE:  func(_ *cobra.Command, args []string) error { return a.stats(o, args[0]) },
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.parse, "parse", "p", "", "Print the value at `NAME.NAME...` alone")
	fs.Float64VarP(&o.scale, "scale", "s", 1, "Multiply a number by `N`")
	fs.StringVarP(&o.kind, "type", "t", "", "Convert the value to a `TYPE`: int or double")
	fs.StringVarP(&o.rusage, "rusage", "R", "", "Print the resource usage of `WHO`: self, children or thread")
	fs.Lookup("rusage").NoOptDefVal = "self"
	fs.BoolVarP(&o.clear, "clear", "c", false, "Clear the statistics")
	fs.BoolVarP(&o.clearAll, "clear-all", "C", false, "Clear the statistics on all ranks")
	return cmd
}

func (a *app) stats(o statsOptions, module string) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	topic, req := module+".stats-get", any(nil)
	switch {
	case o.clear:
		topic = module + ".stats-clear"
		if err := h.RPC(a.ctx, topic, flux.NodeAny, nil, nil); err != nil {
			return fail("%s: %v", topic, err)
		}
		return nil
	case o.clearAll:
		if _, err := h.Publish(a.ctx, module+".stats-clear", nil, 0); err != nil {
			return fail("%s.stats-clear: %v", module, err)
		}
		return nil
	case o.rusage == "self":
		topic = module + ".rusage"
	case o.rusage != "":
		topic, req = module+".rusage", rpc.RusageRequest{Who: o.rusage}
	}
	value, err := a.call(h, topic, flux.NodeAny, req)
	if err != nil {
		return fail("%s: %v", topic, err)
	}
	return a.printStatistic(o, value)
}

// printStatistic prints a value, or the part of it that was asked for.
func (a *app) printStatistic(o statsOptions, value jsontext.Value) error {
	if o.parse != "" {
		var ok bool
		if value, ok = jsonPath(value, o.parse); !ok {
			return fail("`%s' not found in response", o.parse)
		}
	}
	number, err := strconv.ParseFloat(string(value), 64)
	isNumber := err == nil && value.Kind() == '0'
	isReal := isNumber && strings.ContainsAny(string(value), ".eE")
	switch {
	case o.kind == "int" || isNumber && !isReal:
		fmt.Fprintf(a.out, "%d\n", int64(number*o.scale))
	case isNumber || o.kind == "double":
		fmt.Fprintf(a.out, "%f\n", number*o.scale)
	default:
		fmt.Fprintln(a.out, prettyJSON(value, " "))
	}
	return nil
}

type debugOptions struct {
	clear                 bool
	set, setbit, clearbit string
}

func (a *app) moduleDebug() *cobra.Command {
	var o debugOptions
	cmd := &cobra.Command{
		Use:   "debug MODULE",
		Short: "print or change a module's debug flags",
		Args:  a.operands(1, 1),
		RunE:  func(_ *cobra.Command, args []string) error { return a.debugModule(o, args[0]) },
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.clear, "clear", "C", false, "Set all flags to 0")
	fs.StringVarP(&o.set, "set", "S", "", "Set the flags to `MASK`")
	fs.StringVarP(&o.setbit, "setbit", "s", "", "Set the flags in `MASK`")
	fs.StringVarP(&o.clearbit, "clearbit", "c", "", "Clear the flags in `MASK`")
	return cmd
}

func (a *app) debugModule(o debugOptions, module string) error {
	req := rpc.DebugRequest{Op: "setbit"}
	mask := o.setbit
	switch {
	case o.clear:
		req.Op, mask = "clr", ""
	case o.set != "":
		req.Op, mask = "set", o.set
	case o.clearbit != "":
		req.Op, mask = "clrbit", o.clearbit
	}
	if mask != "" {
		n, err := strconv.ParseUint(mask, 0, 31)
		if err != nil {
			return usageError("%s is not a mask of flags", mask)
		}
		req.Flags = int(n)
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	var resp rpc.DebugResponse
	if err := h.RPC(a.ctx, module+".debug", flux.NodeAny, req, &resp); err != nil {
		return fail("%s.debug: %v", module, err)
	}
	fmt.Fprintf(a.out, "0x%x\n", resp.Flags)
	return nil
}
