// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"goflux/idset"
	core "goflux/internal/core/overlay"
)

func (a *app) overlayErrors() *cobra.Command {
	cmd := &cobra.Command{Use: "errors [OPTIONS]", Short: "print why brokers are not there", Args: a.operands(0, 0)}
	timeout := timeoutFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		t, err := a.openTree()
		if err != nil {
			return err
		}
		if err := t.setTimeout(*timeout); err != nil {
			return err
		}
		if n := t.topology.Size; n > 2000 && !cmd.Flags().Changed("timeout") {
			t.timeout = t.timeout * time.Duration(n) / 2000 // a large instance's listing takes longer
		}
		return t.printErrors()
	}
	return cmd
}

// maxAsking is how many brokers are asked at a time.
const maxAsking = 64

// errorGather collects ranks by the error that is known of them.
type errorGather struct {
	*tree
	mu     sync.Mutex
	ranks  map[string]*idset.Set
	asking chan struct{}
	wait   sync.WaitGroup
}

func (t *tree) printErrors() error {
	g := &errorGather{tree: t, ranks: map[string]*idset.Set{}, asking: make(chan struct{}, maxAsking)}
	g.wait.Go(func() { g.ask(0) })
	g.wait.Wait()
	for _, text := range slices.Sorted(maps.Keys(g.ranks)) {
		hosts, err := t.hosts.Subset(g.ranks[text])
		if err != nil {
			return fail("converting ranks to hostnames: %v", err)
		}
		fmt.Fprintf(t.a.out, "%s: %s\n", hosts, text)
	}
	return nil
}

func (g *errorGather) add(text string, ranks *idset.Set) {
	if ranks.Empty() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ranks[text] == nil {
		g.ranks[text] = idset.New()
	}
	g.ranks[text].AddSet(ranks)
}

// lost notes a rank's error, and that those below it have lost their parent.
func (g *errorGather) lost(rank uint32, text string) {
	g.add(text, idset.New(rank))
	below := ranksOf(g.subtree(rank))
	below.Remove(rank)
	g.add("lost parent", below)
}

// ask asks a broker about its children, and those about theirs.
func (g *errorGather) ask(rank uint32) {
	g.asking <- struct{}{}
	health, err := g.health(rank, "")
	<-g.asking
	if err != nil {
		g.lost(rank, errorText(err))
		return
	}
	for _, c := range health.Children {
		switch c.Status {
		case core.Lost.String():
			text := c.Error
			if text == "" {
				text = "unknown error"
			}
			g.lost(c.Rank, text)
		case core.Offline.String():
			if c.Error != "" {
				g.add(c.Error, idset.New(c.Rank))
			}
		default:
			g.wait.Go(func() { g.ask(c.Rank) })
		}
	}
}
