// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/fsd"
	"goflux/hostlist"
	"goflux/idset"
	core "goflux/internal/core/overlay"
	"goflux/internal/rpc"
)

// newOverlay is flux overlay (flux-overlay(1)).
func newOverlay(a *app) *cobra.Command {
	cmd := a.group("overlay", "look at the tree of brokers, and cut it")
	cmd.AddCommand(a.overlayStatus(), a.overlayErrors(), a.overlayLookup(), a.overlayParentof(), a.overlayDisconnect(), a.overlayTrace())
	return cmd
}

// tree is what the commands know of the instance's brokers.
type tree struct {
	a        *app
	h        *flux.Client
	hosts    *hostlist.List
	topology *core.Subtree
	timeout  time.Duration // of a request; 0 for none
}

// openTree fetches the names of the brokers and the shape of the tree.
func (a *app) openTree() (*tree, error) {
	h, err := a.open()
	if err != nil {
		return nil, err
	}
	t := &tree{a: a, h: h, topology: &core.Subtree{}}
	text, err := h.Attr(a.ctx, "hostlist")
	if err == nil {
		t.hosts, err = hostlist.Parse(text)
	}
	if err != nil {
		return nil, fail("could not fetch/decode hostlist: %v", err)
	}
	if err := h.RPC(a.ctx, "overlay.topology", 0, rpc.OverlayRank{Rank: 0}, t.topology); err != nil {
		return nil, fail("error fetching overlay topology: %v", err)
	}
	return t, nil
}

func (t *tree) host(rank uint32) string {
	name, ok := t.hosts.At(int(rank))
	if !ok {
		return "(null)"
	}
	return name
}

// subtree finds the part of the tree below a rank, or nil.
func (t *tree) subtree(rank uint32) *core.Subtree { return findSubtree(t.topology, rank) }

func findSubtree(s *core.Subtree, rank uint32) *core.Subtree {
	if s.Rank == rank {
		return s
	}
	for _, c := range s.Children {
		if f := findSubtree(c, rank); f != nil {
			return f
		}
	}
	return nil
}

func findParent(s *core.Subtree, rank uint32) (uint32, bool) {
	for _, c := range s.Children {
		if c.Rank == rank {
			return s.Rank, true
		}
		if p, ok := findParent(c, rank); ok {
			return p, true
		}
	}
	return 0, false
}

func ranksOf(s *core.Subtree) *idset.Set {
	set := idset.New()
	if s == nil {
		return set
	}
	set.Add(s.Rank)
	for _, c := range s.Children {
		set.AddSet(ranksOf(c))
	}
	return set
}

// lookup translates ranks to hosts or hosts to ranks.
func (t *tree) lookup(target string) (string, error) {
	if ranks, err := idset.Parse(target); err == nil {
		hosts, err := t.hosts.Subset(ranks)
		if err != nil {
			return "", fail("%v", err)
		}
		return hosts.String(), nil
	}
	ranks, err := t.ranksByName(target)
	if err != nil {
		return "", err
	}
	return ranks.String(), nil
}

func (t *tree) ranksByName(target string) (*idset.Set, error) {
	hosts, err := hostlist.Parse(target)
	if err != nil {
		return nil, fail("Error decoding %s: %v", target, err)
	}
	ranks := idset.New()
	for name := range hosts.All() {
		i := t.hosts.Index(name)
		if i < 0 {
			return nil, fail("host %s not found in host map", name)
		}
		ranks.Add(uint32(i))
	}
	return ranks, nil
}

// health asks a broker about its subtree; with wait, until it is in that state.
func (t *tree) health(rank uint32, wait string) (*rpc.OverlayHealth, error) {
	ctx, cancel := t.a.ctx, func() {}
	if t.timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, t.timeout)
	}
	defer cancel()
	var health rpc.OverlayHealth
	var err error
	if wait == "" {
		err = t.h.RPC(ctx, "overlay.health", rank, nil, &health)
	} else {
		var call *flux.Call
		if call, err = t.h.Stream("overlay.health", rank, nil); err == nil {
			for err = call.Get(ctx, &health); err == nil && health.Status != wait; {
				err = call.Get(ctx, &health)
			}
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fail("Connection timed out")
	}
	return &health, err
}

// timeoutFlag adds --timeout.
func timeoutFlag(cmd *cobra.Command) *string {
	return cmd.Flags().StringP("timeout", "t", "0.5s", "Wait so long for a broker's answer (`FSD`, 0: for ever)")
}

func (t *tree) setTimeout(text string) error {
	d, err := fsd.Parse(text)
	if err != nil {
		return fail("invalid --timeout: %v", err)
	}
	t.timeout = d
	return nil
}

func (a *app) overlayLookup() *cobra.Command {
	return &cobra.Command{
		Use: "lookup TARGET", Short: "translate hosts to ranks, or ranks to hosts",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fail("single TARGET argument is required")
			}
			t, err := a.openTree()
			if err != nil {
				return err
			}
			text, err := t.lookup(args[0])
			if err == nil {
				fmt.Fprintln(a.out, text)
			}
			return err
		},
	}
}

func (a *app) overlayParentof() *cobra.Command {
	return &cobra.Command{
		Use: "parentof RANK", Short: "print a rank's parent",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fail("RANK is required")
			}
			t, err := a.openTree()
			if err != nil {
				return err
			}
			rank, err := strconv.ParseUint(args[0], 10, 32)
			if err != nil {
				return fail("%s is not a rank", args[0])
			}
			p, err := t.parentOf(uint32(rank))
			if err == nil {
				fmt.Fprintln(a.out, p)
			}
			return err
		},
	}
}

func (t *tree) parentOf(rank uint32) (uint32, error) {
	if int64(rank) >= int64(t.topology.Size) {
		return 0, fail("%d is not a valid rank in this instance", rank)
	}
	p, ok := findParent(t.topology, rank)
	if !ok {
		return 0, fail("%d has no parent", rank)
	}
	return p, nil
}

func (a *app) overlayDisconnect() *cobra.Command {
	parent := int64(-1)
	cmd := &cobra.Command{
		Use: "disconnect [OPTIONS] TARGET", Short: "cut a rank and all below it off",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fail("TARGET is required")
			}
			t, err := a.openTree()
			if err != nil {
				return err
			}
			return t.disconnect(args[0], parent)
		},
	}
	cmd.Flags().Int64VarP(&parent, "parent", "r", -1, "Ask this rank (`NODEID`) instead of the target's parent")
	return cmd
}

func (t *tree) disconnect(target string, parent int64) error {
	rank, err := strconv.ParseUint(target, 10, 32)
	if err != nil {
		i := t.hosts.Index(target)
		if i < 0 {
			return fail("TARGET must be a valid rank or hostname")
		}
		rank = uint64(i)
	}
	if parent < 0 {
		p, err := t.parentOf(uint32(rank))
		if err != nil {
			return err
		}
		parent = int64(p)
	}
	t.a.warnf("asking %s (rank %d) to disconnect child %s (rank %d)", t.host(uint32(parent)), parent, t.host(uint32(rank)), rank)
	if err := t.h.RPC(t.a.ctx, "overlay.disconnect-subtree", uint32(parent), rpc.OverlayRank{Rank: uint32(rank)}, nil); err != nil {
		return fail("overlay.disconnect-subtree: %v", err)
	}
	return nil
}
