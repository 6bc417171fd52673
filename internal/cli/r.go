// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/constraint"
	"goflux/hostlist"
	"goflux/idset"
	"goflux/internal/config"
	"goflux/internal/message"
	"goflux/rset"
)

// newR is flux R: reading, writing and combining resource sets (RFC 20).
func newR(a *app) *cobra.Command {
	cmd := a.group("R COMMAND", "read, write and transform R version 1 objects")
	cmd.AddCommand(a.rEncode(),
		a.rCombine("append", "unite the objects on standard input, which must not overlap", 1, appendR),
		a.rCombine("diff", "subtract all objects but the first from the first", 2, func(r, o *rset.R) (*rset.R, error) { return r.Subtract(o), nil }),
		a.rCombine("intersect", "print what is in all objects on standard input", 2, func(r, o *rset.R) (*rset.R, error) { return r.Intersect(o), nil }),
		a.rRemap(), a.rRerank(), a.rDecode(), a.rVerify(), a.rSetProperty(), a.rParseConfig())
	return cmd
}

// maxRInput bounds what is read from standard input.
const maxRInput = 256 << 20

// readRs reads all R objects from standard input, one at least.
func (a *app) readRs() ([]*rset.R, error) {
	d := jsontext.NewDecoder(io.LimitReader(bufio.NewReader(a.in), maxRInput), jsontext.AllowDuplicateNames(true))
	var list []*rset.R
	for {
		v, err := d.ReadValue()
		if errors.Is(err, io.EOF) && len(list) > 0 {
			return list, nil
		}
		if err != nil {
			return nil, fail("Failed to read an R object: %v", err)
		}
		r, err := rset.Parse(v)
		if err != nil {
			return nil, fail("Failed to decode R on stdin: %v", err)
		}
		list = append(list, r)
	}
}

// readUnion is the union of all R objects on standard input.
func (a *app) readUnion() (*rset.R, error) {
	list, err := a.readRs()
	if err != nil {
		return nil, err
	}
	all := list[0]
	for _, r := range list[1:] {
		all = all.Union(r)
	}
	return all, nil
}

func appendR(r, o *rset.R) (*rset.R, error) {
	if common := r.Intersect(o); !common.Empty() {
		return nil, fail("R objects '%s' and '%s' overlap", r.Summary(), o.Summary())
	}
	return r.Union(o), nil
}

// rCombine is a command that folds the objects on standard input into one.
func (a *app) rCombine(name, short string, least int, combine func(r, o *rset.R) (*rset.R, error)) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Args:  a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			list, err := a.readRs()
			if err != nil {
				return err
			}
			if len(list) < least {
				return fail("%s requires at least %d resource sets", name, least)
			}
			r := list[0]
			for _, o := range list[1:] {
				if r, err = combine(r, o); err != nil {
					return err
				}
			}
			fmt.Fprintln(a.out, r)
			return nil
		},
	}
}

func (a *app) rRemap() *cobra.Command {
	return &cobra.Command{
		Use:   "remap",
		Short: "number ranks from 0 without gaps",
		Args:  a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			r, err := a.readUnion()
			if err == nil {
				fmt.Fprintln(a.out, r.Remap())
			}
			return err
		},
	}
}

func (a *app) rRerank() *cobra.Command {
	return &cobra.Command{
		Use:   "rerank HOSTLIST",
		Short: "number ranks by their hosts' places in HOSTLIST",
		Args:  a.operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := a.readUnion()
			if err != nil {
				return err
			}
			hosts, err := hostlist.Parse(args[0])
			if err != nil {
				return err
			}
			ranked, err := r.Rerank(hosts)
			switch {
			case errors.Is(err, syscall.ENOENT):
				return fail("failed to find one or more provided hosts in R")
			case errors.Is(err, syscall.EOVERFLOW):
				return fail("Too many hosts specified (expected %d)", r.NNodes())
			case errors.Is(err, syscall.ENOSPC):
				return fail("Too few hosts specified (expected %d)", r.NNodes())
			case err != nil:
				return err
			}
			fmt.Fprintln(a.out, ranked)
			return nil
		},
	}
}

type decodeOptions struct {
	short, nodelist, ranks                 bool
	count, include, exclude, propertyNames string
}

func (a *app) rDecode() *cobra.Command {
	var o decodeOptions
	cmd := &cobra.Command{
		Use:   "decode",
		Short: "print the union of the objects on standard input, or facts of it",
		Args:  a.operands(0, 0),
		RunE:  func(*cobra.Command, []string) error { return a.decodeR(o) },
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.short, "short", "s", false, "Print a short form")
	fs.BoolVarP(&o.nodelist, "nodelist", "n", false, "Print the hosts")
	fs.BoolVarP(&o.ranks, "ranks", "r", false, "Print the ranks")
	fs.StringVarP(&o.count, "count", "c", "", "Print how many resources of a `TYPE` there are: node, core or gpu")
	fs.StringVarP(&o.include, "include", "i", "", "Only these `RANKS`")
	fs.StringVarP(&o.exclude, "exclude", "x", "", "Not these `RANKS`")
	fs.StringVarP(&o.propertyNames, "properties", "p", "", "Only ranks that have all properties in `LIST`; ^NAME is one they must not have")
	return cmd
}

func (a *app) decodeR(o decodeOptions) error {
	r, err := a.readUnion()
	if err != nil {
		return err
	}
	if r, err = filterR(r, o); err != nil {
		return err
	}
	whole := true
	line := func(show bool, value any) {
		if show {
			whole = false
			fmt.Fprintln(a.out, value)
		}
	}
	line(o.short, r.Summary())
	line(o.nodelist, r.Nodelist().String())
	line(o.ranks, r.Ranks())
	line(o.count != "", r.Count(o.count))
	line(whole, r)
	return nil
}

func filterR(r *rset.R, o decodeOptions) (*rset.R, error) {
	if o.propertyNames != "" {
		raw, err := message.Marshal(map[string][]string{"properties": strings.Split(o.propertyNames, ",")})
		if err != nil {
			return nil, err
		}
		c, err := constraint.Parse(raw)
		if err != nil {
			return nil, fail("Invalid property constraint: %v", err)
		}
		r = r.Filter(c)
	}
	if o.include != "" {
		ranks, err := idset.Parse(o.include)
		if err != nil {
			return nil, fail("Invalid ranks option: '%s'", o.include)
		}
		r = r.Subset(ranks)
	}
	if o.exclude != "" {
		ranks, err := idset.Parse(o.exclude)
		if err != nil {
			return nil, fail("Invalid idset in --exclude option: %s", o.exclude)
		}
		r = r.Without(ranks)
	}
	return r, nil
}

// rVerify fails if something is missing and tells of what is extra.
func (a *app) rVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "check that the second object has what the first has",
		Args:  a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			list, err := a.readRs()
			if err != nil {
				return err
			}
			if len(list) != 2 {
				return fail("verify requires exactly 2 R objects on stdin")
			}
			lax := rset.VerifyConfig{Core: rset.VerifyAllowExtra, GPU: rset.VerifyAllowExtra}
			if err := rset.Verify(list[0], list[1], lax); err != nil {
				return err
			}
			if err := rset.Verify(list[0], list[1], rset.VerifyConfig{}); err != nil {
				a.warnf("%v", err)
			}
			return nil
		},
	}
}

func (a *app) rSetProperty() *cobra.Command {
	return &cobra.Command{
		Use:   "set-property NAME[:RANKS]...",
		Short: "give ranks properties",
		Args:  a.operands(1, -1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := a.readUnion()
			if err != nil {
				return err
			}
			if err := setProperties(r, args); err != nil {
				return err
			}
			fmt.Fprintln(a.out, r)
			return nil
		},
	}
}

// setProperties sets properties given as NAME (all ranks) or NAME:RANKS.
func setProperties(r *rset.R, properties []string) error {
	for _, p := range properties {
		name, text, limited := strings.Cut(p, ":")
		ranks := r.Ranks()
		if limited {
			var err error
			if ranks, err = idset.Parse(text); err != nil {
				return fail("failed to assign properties: %v", err)
			}
		}
		if err := r.SetProperty(name, ranks); err != nil {
			return fail("failed to assign properties: %v", err)
		}
	}
	return nil
}

func (a *app) rParseConfig() *cobra.Command {
	return &cobra.Command{
		Use:   "parse-config PATH",
		Short: "print the resources that a configuration defines",
		Args:  a.operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := configuredR(args[0])
			if err == nil {
				fmt.Fprintln(a.out, r)
			}
			return err
		},
	}
}

// configuredR is what the [resource] table of a configuration defines.
func configuredR(path string) (*rset.R, error) {
	conf, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	var r *rset.R
	if entries, ok := config.Lookup(conf, "resource.config"); ok {
		if r, err = rFromEntries(entries); err != nil {
			return nil, fail("Config file error: %v", err)
		}
	} else {
		v, _ := config.Lookup(conf, "resource.path")
		file, ok := v.(string)
		if !ok {
			return nil, fail("Config file error: resource.config or resource.path must be defined")
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fail("%s: %v", file, err)
		}
		if r, err = rset.Parse(text); err != nil {
			return nil, fail("%s: %v", file, err)
		}
	}
	if v, ok := config.Lookup(conf, "resource.scheduling"); ok {
		file, _ := v.(string)
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fail("resource.scheduling: %s: %v", file, err)
		}
		if r.Scheduling = jsontext.Value(text); r.Scheduling.Compact() != nil {
			return nil, fail("resource.scheduling: %s: not JSON", file)
		}
	}
	return r, nil
}
