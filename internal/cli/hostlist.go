// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"goflux/hostlist"
	"goflux/idset"
)

type hostlistOptions struct {
	expand, count, sort, union    bool
	intersect, minus, xor         bool
	fallback, local, quiet        bool
	delimiter, nth, find, exclude string
	limit                         int
	excludeSet, findSet, nthSet   bool
}

// newHostlist is flux hostlist.
func newHostlist(a *app) *cobra.Command {
	var o hostlistOptions
	var unique bool
	cmd := &cobra.Command{
		Use:   "hostlist [SOURCES...]",
		Short: "fetch, combine and query lists of hosts",
		Long: `SOURCES may include: instance (the hosts of this instance), local (those of the
job this runs in, else of the instance), avail (those of the instance that are
neither down nor drained), stdin or -, a job id, or a list of hosts. By default
standard input is read.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.union = o.union || unique
			fs := cmd.Flags()
			o.excludeSet, o.findSet, o.nthSet = fs.Changed("exclude"), fs.Changed("find"), fs.Changed("nth")
			return a.hostlist(o, args)
		},
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.expand, "expand", "e", false, "Print every host by itself")
	fs.StringVarP(&o.delimiter, "delimiter", "d", " ", "Separate expanded hosts by `S`")
	fs.BoolVarP(&o.count, "count", "c", false, "Print the number of hosts")
	fs.StringVarP(&o.nth, "nth", "n", "", "Print only hosts at these indices (-IDS: counted from the end) (`[-]IDS`)")
	fs.StringVarP(&o.find, "find", "F", "", "Print the indices of `HOSTS`; it is an error if one is not there")
	fs.IntVarP(&o.limit, "limit", "L", 0, "Print at most `N` hosts (-N: the last N)")
	fs.BoolVarP(&o.sort, "sort", "S", false, "Sort the result")
	fs.StringVarP(&o.exclude, "exclude", "x", "", "Leave out hosts, by name or index (`IDS|HOSTS`)")
	fs.BoolVarP(&o.union, "union", "u", false, "Name every host once, sorted")
	fs.BoolVar(&unique, "unique", false, "The same as --union")
	fs.BoolVarP(&o.intersect, "intersect", "i", false, "Keep the hosts that are in every source")
	fs.BoolVarP(&o.minus, "minus", "m", false, "Subtract the other sources from the first")
	fs.BoolVarP(&o.xor, "xor", "X", false, "Keep the symmetric difference of the sources")
	fs.BoolVarP(&o.fallback, "fallback", "f", false, "A job id that is not found is a host")
	fs.BoolVarP(&o.local, "local", "l", false, "Use the source local instead of standard input")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Print nothing; exit with 1 if there are no hosts")
	cmd.MarkFlagsMutuallyExclusive("intersect", "minus", "xor")
	cmd.MarkFlagsMutuallyExclusive("expand", "count")
	return cmd
}

func (a *app) hostlist(o hostlistOptions, sources []string) error {
	exclude, err := hostlist.Parse(o.exclude)
	if err != nil {
		return usageError("argument -x/--exclude: %v", err)
	}
	if len(sources) == 0 {
		sources = []string{"stdin"}
		if o.local {
			sources = []string{"local"}
		}
	}
	lists, err := a.resolveHosts(sources, o.fallback)
	if err != nil {
		return err
	}
	hl, err := combineHosts(o, lists)
	if err != nil {
		return err
	}
	if o.excludeSet {
		if hl, err = excludeHosts(hl, exclude, o.exclude); err != nil {
			return err
		}
	}
	if o.sort {
		hl.Sort()
	}
	if o.union {
		hl.Uniq()
	}
	if hl, err = selectHosts(o, hl); err != nil {
		return err
	}
	if o.quiet {
		if o.findSet {
			if _, err := hl.Find(o.find); err != nil {
				return err
			}
		}
		return exitStatus(btoi(hl.Empty()))
	}
	return a.printHosts(o, hl)
}

// combineHosts makes one list of all sources'.
func combineHosts(o hostlistOptions, lists []*hostlist.List) (*hostlist.List, error) {
	hl := lists[0].Clone()
	for _, l := range lists[1:] {
		switch {
		case o.intersect:
			hl = hl.Intersect(l)
		case o.xor:
			hl = hl.Xor(l)
		case o.minus:
			if _, err := hl.Delete(l.String()); err != nil {
				return nil, err
			}
		default:
			hl.AppendList(l)
		}
	}
	return hl, nil
}

// excludeHosts drops hosts, or if none of that name is there and text is an
// idset, the hosts at those indices.
func excludeHosts(hl, hosts *hostlist.List, text string) (*hostlist.List, error) {
	left := hl.Subtract(hosts)
	if left.Len() != hl.Len() {
		return left, nil
	}
	ids, err := idset.Parse(text)
	if err != nil {
		return hl, nil
	}
	return hl.Subset(hostIndices(hl).Subtract(ids))
}

// hostIndices are the indices of all hosts.
func hostIndices(hl *hostlist.List) *idset.Set {
	if hl.Empty() {
		return idset.New()
	}
	return idset.FromRange(0, uint32(hl.Len()-1))
}

// selectHosts applies --limit and --nth.
func selectHosts(o hostlistOptions, hl *hostlist.List) (*hostlist.List, error) {
	switch {
	case o.limit > 0:
		hl = hl.Slice(0, o.limit)
	case o.limit < 0:
		hl = hl.Slice(max(0, hl.Len()+o.limit), hl.Len())
	}
	if !o.nthSet {
		return hl, nil
	}
	text, fromEnd := strings.CutPrefix(o.nth, "-")
	ids, err := idset.Parse(text)
	if err != nil {
		return nil, fail("--nth: %v", err)
	}
	if fromEnd {
		back := idset.New()
		for id := range ids.All() {
			if int(id) > hl.Len() || id == 0 {
				return nil, fail("Hostlist index out of range")
			}
			back.Add(uint32(hl.Len()) - id)
		}
		ids = back
	}
	return hl.Subset(ids)
}

func (a *app) printHosts(o hostlistOptions, hl *hostlist.List) error {
	switch {
	case o.findSet:
		indices, err := hl.Find(o.find)
		if err != nil {
			return err
		}
		fmt.Fprintln(a.out, strings.Trim(fmt.Sprint(indices), "[]"))
	case o.count:
		fmt.Fprintln(a.out, hl.Len())
	case hl.Empty():
	case o.expand:
		delimiter := strings.ReplaceAll(o.delimiter, `\n`, "\n")
		fmt.Fprintln(a.out, strings.Join(slices.Collect(hl.All()), delimiter))
	default:
		fmt.Fprintln(a.out, hl)
	}
	return nil
}
