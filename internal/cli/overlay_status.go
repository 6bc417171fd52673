// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"goflux/fsd"
	"goflux/idset"
	core "goflux/internal/core/overlay"
)

// statusWalk prints the state of a tree, asking each broker about its children.
type statusWalk struct {
	*tree
	verbose                          int
	summary, down, noPretty, noGhost bool
	color                            bool
	wait                             string
	highlight                        *idset.Set
	stack                            []string // what is drawn in front of the lines of each level
	started                          time.Time
}

// statusNode is a line.
type statusNode struct {
	rank          uint32
	status, err   string
	duration      float64
	ghost, parent bool
	connector     string
}

// The pieces of the tree's drawing.
const (
	drawPipe  = "│  "
	drawTee   = "├─ "
	drawElbow = "└─ "
	drawBlank = "   "
)

func (a *app) overlayStatus() *cobra.Command {
	w := &statusWalk{}
	var rank uint32
	var highlight []string
	cmd := &cobra.Command{Use: "status [OPTIONS]", Short: "print the state of the tree", Args: a.operands(0, 0)}
	fs := cmd.Flags()
	fs.Uint32VarP(&rank, "rank", "r", 0, "Print the part below `NODEID`")
	fs.VarPF((*level)(&w.verbose), "verbose", "v", "1: with the time in the state, 2: with the time to answer (`LEVEL`)").NoOptDefVal = "+1"
	timeout := timeoutFlag(cmd)
	fs.BoolVar(&w.summary, "summary", false, "Print the state of the whole")
	fs.BoolVar(&w.down, "down", false, "Print what is not full")
	fs.BoolVar(&w.noPretty, "no-pretty", false, "Do not draw the tree")
	fs.BoolVar(&w.noGhost, "no-ghost", false, "Leave out what is behind brokers that are not there")
	when := colorFlag(cmd, "L")
	fs.StringArrayVarP(&highlight, "highlight", "H", nil, "Highlight ranks or hosts and the way to them (`TARGET`)")
	fs.StringVarP(&w.wait, "wait", "w", "", "Wait for a `STATE`: full, partial, degraded, lost, offline")
	cmd.RunE = func(*cobra.Command, []string) error {
		if w.wait != "" && !slices.Contains([]string{"full", "partial", "degraded", "lost", "offline"}, w.wait) {
			return fail("invalid --wait state")
		}
		var err error
		if w.color, err = a.color(*when); err != nil {
			return err
		}
		if w.tree, err = a.openTree(); err != nil {
			return err
		}
		if err := w.setTimeout(*timeout); err != nil {
			return err
		}
		if w.highlight, err = w.highlighted(highlight); err != nil {
			return err
		}
		return w.walk(rank, 0, "")
	}
	return cmd
}

// highlighted turns targets into ranks.
func (w *statusWalk) highlighted(targets []string) (*idset.Set, error) {
	all := idset.FromRange(0, uint32(w.topology.Size-1))
	set := idset.New()
	for _, target := range targets {
		ranks, err := idset.Parse(target)
		if err != nil {
			if ranks, err = w.ranksByName(target); err != nil {
				return nil, err
			}
		}
		set.AddSet(ranks)
	}
	if bad := set.Subtract(all); !bad.Empty() {
		plural := ""
		if bad.Len() > 1 {
			plural = "s"
		}
		return nil, fail("--highlight: rank%s %s not in set %s", plural, bad, all)
	}
	return set, nil
}

// walk prints a broker and what is below it. An error below the top is printed.
func (w *statusWalk) walk(rank uint32, depth int, connector string) error {
	w.started = time.Now()
	wait := ""
	if depth == 0 {
		wait = w.wait
	}
	health, err := w.health(rank, wait)
	if err != nil {
		if depth > 0 {
			fmt.Fprintf(w.a.out, "%s%s%s: %s%s\n", w.indent(depth), connector, w.name(rank), errorText(err), w.rpcTime())
		}
		return err
	}
	node := statusNode{rank: health.Rank, status: health.Status, duration: health.Duration, parent: true, connector: connector}
	if !w.show(node, depth) {
		return nil
	}
	for i, c := range health.Children {
		child := statusNode{rank: c.Rank, status: c.Status, duration: c.Duration, err: c.Error}
		child.connector = w.push(i == len(health.Children)-1)
		if w.show(child, depth+1) {
			gone := c.Status == core.Offline.String() || c.Status == core.Lost.String()
			if (gone || w.walk(c.Rank, depth+1, child.connector) != nil) && !w.noGhost {
				w.ghosts(w.subtree(c.Rank), depth+1, c.Status)
			}
		}
		w.stack = w.stack[:len(w.stack)-1]
	}
	return nil
}

// push begins the lines below a child, of which one is the last, and returns
// what is drawn in front of the child itself.
func (w *statusWalk) push(last bool) string {
	if last {
		w.stack = append(w.stack, drawBlank)
		return drawElbow
	}
	w.stack = append(w.stack, drawPipe)
	return drawTee
}

// ghosts prints brokers that nobody can be asked about as their parent is.
func (w *statusWalk) ghosts(s *core.Subtree, depth int, status string) {
	if s == nil {
		return
	}
	for i, c := range s.Children {
		node := statusNode{rank: c.Rank, status: status, ghost: true, connector: w.push(i == len(s.Children)-1)}
		if w.show(node, depth+1) {
			w.ghosts(c, depth+1, status)
		}
		w.stack = w.stack[:len(w.stack)-1]
	}
}

// show prints a line where one is wanted, and tells whether to go on below it.
func (w *statusWalk) show(n statusNode, depth int) bool {
	if w.summary {
		fmt.Fprintf(w.a.out, "%s%s%s%s%s\n", w.indent(depth), n.connector, w.statusText(n), w.durationText(n), w.rpcTimeOf(n))
		return false
	}
	if w.down && n.status == core.Full.String() {
		return false
	}
	below := ranksOf(w.subtree(n.rank)).Len() > 1
	gone := n.status == core.Lost.String() || n.status == core.Offline.String()
	if n.parent || gone || !below && w.verbose < 2 {
		w.print(n, depth)
	}
	return below || w.verbose >= 2
}

func (w *statusWalk) print(n statusNode, depth int) {
	connector, err := n.connector, n.err
	if w.noPretty {
		connector = ""
	}
	if err != "" {
		err = " " + err
	}
	fmt.Fprintf(w.a.out, "%s%s%s: %s%s%s%s\n", w.indent(depth), connector, w.name(n.rank), w.statusText(n), w.durationText(n), err, w.rpcTimeOf(n))
}

// indent draws the lines from the levels above.
func (w *statusWalk) indent(depth int) string {
	if w.noPretty || depth == 0 || len(w.stack) == 0 {
		return ""
	}
	return strings.Join(w.stack[:len(w.stack)-1], "")
}

func (w *statusWalk) name(rank uint32) string {
	text := fmt.Sprintf("%d %s", rank, w.host(rank))
	switch {
	case !w.highlight.Intersects(ranksOf(w.subtree(rank))):
		return text
	case w.color:
		return paint("\x1b[01;34m", text) // bold blue
	}
	return "<<" + text + ">>"
}

func (w *statusWalk) statusText(n statusNode) string {
	switch {
	case !w.color:
		return n.status
	case n.ghost:
		return paint("\x1b[90m", n.status)
	case n.status == core.Lost.String():
		return paint(ansiRed, n.status)
	case n.status == core.Offline.String():
		return paint(ansiYellow, n.status)
	}
	return n.status
}

func (w *statusWalk) durationText(n statusNode) string {
	if w.verbose < 1 || n.duration <= 0 {
		return ""
	}
	return " for " + fsd.Format(n.duration)
}

func (w *statusWalk) rpcTimeOf(n statusNode) string {
	if !n.parent {
		return ""
	}
	return w.rpcTime()
}

func (w *statusWalk) rpcTime() string {
	if w.verbose < 2 {
		return ""
	}
	return fmt.Sprintf(" (%.3f ms)", float64(time.Since(w.started).Microseconds())/1000)
}
