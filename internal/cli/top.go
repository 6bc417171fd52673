// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"os"
	"slices"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/cli/jobinfo"
	"goflux/internal/cli/top"
	"goflux/internal/sys/tty"
)

// topOptions are the options of flux top.
type topOptions struct {
	queue    string
	exit     bool   // after the first screen
	dumpFile string // its figures, as lines
	color    bool
}

// newTop is flux top (flux-top(1)).
func newTop(a *app) *cobra.Command {
	var o topOptions
	cmd := &cobra.Command{Use: "top [OPTIONS] [TARGET]", Short: "watch an instance and its running jobs", Args: a.operands(0, 1)}
	fs := cmd.Flags()
	fs.StringVarP(&o.queue, "queue", "q", "", "Show one queue alone (`NAME`)")
	fs.BoolVar(&o.exit, "test-exit", false, "Exit after the first screen")
	fs.StringVar(&o.dumpFile, "test-exit-dump", "", "With --test-exit, write the figures to `FILE`")
	_ = fs.MarkHidden("test-exit")
	_ = fs.MarkHidden("test-exit-dump")
	when := colorFlag(cmd, "")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		var err error
		if o.color, err = a.color(*when); err != nil {
			return err
		}
		h, err := a.topTarget(args)
		if err != nil {
			return err
		}
		return a.showTop(o, h)
	}
	return cmd
}

// topTarget connects to the instance to be shown.
func (a *app) topTarget(args []string) (*flux.Client, error) {
	if len(args) == 0 {
		h, err := flux.Open(a.ctx, "")
		if err != nil {
			return nil, fail("error connecting to Flux: %v", err)
		}
		a.client = h
		return h, nil
	}
	uri, err := a.lookupURI(args[0], uriOptions{})
	if err != nil {
		return nil, fail("failed to resolve target %s: %v", args[0], err)
	}
	return a.openTop(uri)
}

// openTop connects to an instance elsewhere.
func (a *app) openTop(uri string) (*flux.Client, error) {
	if _, local := os.LookupEnv("FLUX_URI_RESOLVE_LOCAL"); local {
		uri = jobinfo.LocalURI(uri)
	}
	h, err := flux.Open(a.ctx, uri)
	if err != nil {
		return nil, fail("error connecting to Flux: %v", err)
	}
	return h, nil
}

func (a *app) showTop(o topOptions, h *flux.Client) error {
	switch {
	case !tty.IsTerminal(os.Stdin):
		return fail("stdin is not a terminal")
	case slices.Contains([]string{"", "dumb", "unknown"}, os.Getenv("TERM")):
		return fail("terminal does not support required capabilities")
	}
	source := &topSource{app: a, h: h}
	first, err := source.Snapshot(o.queue)
	if err != nil {
		return err
	}
	if o.exit {
		return a.topOnce(o, first)
	}
	m := top.New(source, first, o.color)
	if _, err := tea.NewProgram(m, tea.WithContext(a.ctx)).Run(); err != nil && !errors.Is(err, tea.ErrInterrupted) {
		return err
	}
	return m.Err()
}

// topOnce shows the first screen alone.
func (a *app) topOnce(o topOptions, first *top.Snapshot) error {
	rows, cols, _ := tty.Size(os.Stdin)
	s := top.Screen{Width: max(cols, 40), Height: max(rows, 10), Color: o.color}
	_, _ = a.out.WriteString(s.Render(first) + "\n")
	if o.dumpFile == "" {
		return nil
	}
	f, err := os.Create(o.dumpFile)
	if err != nil {
		return err
	}
	first.Dump(f)
	return f.Close()
}
