// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/fsd"
	"goflux/internal/startlog"
)

// clientCaller calls services for packages that know no client.
type clientCaller struct{ *flux.Client }

func (c clientCaller) RPC(ctx context.Context, topic string, req, resp any) error {
	return c.Client.RPC(ctx, topic, flux.NodeAny, req, resp)
}

// newStartlog is flux startlog (flux-startlog(1)).
func newStartlog(a *app) *cobra.Command {
	var check, quiet, version, postStart, postFinish bool
	log := startlog.Log{}
	cmd := &cobra.Command{Use: "startlog [OPTIONS]", Short: "list when the instance was started and stopped", Args: a.operands(0, 0)}
	fs := cmd.Flags()
	fs.BoolVar(&check, "check", false, "Fail if the instance crashed before it was last started")
	fs.BoolVar(&quiet, "quiet", false, "Do not list")
	fs.BoolVarP(&version, "show-version", "v", false, "List the version that was started, too")
	fs.BoolVar(&postStart, "post-start-event", false, "Note a start, for rc scripts")
	fs.BoolVar(&postFinish, "post-finish-event", false, "Note an end, for rc scripts")
	fs.StringVar(&log.Key, "test-startlog-key", startlog.Key, "Use another key (`PATH`)")
	fs.IntVar(&log.Version, "test-startlog-version", startlog.Version, "Use another version of events (`VERSION`)")
	for _, name := range []string{"post-start-event", "post-finish-event", "test-startlog-key", "test-startlog-version"} {
		fs.Lookup(name).Hidden = true
	}
	cmd.RunE = func(*cobra.Command, []string) error {
		h, err := a.open()
		if err != nil {
			return err
		}
		log.Caller = clientCaller{h}
		if postStart || postFinish {
			return a.postStartlog(h, log, postStart)
		}
		runs, err := log.Read(a.ctx)
		if err != nil {
			return err
		}
		if !quiet {
			a.listRuns(runs, version)
		}
		if check && startlog.CrashedLast(runs) {
			return exitStatus(1)
		}
		return nil
	}
	return cmd
}

func (a *app) postStartlog(h *flux.Client, log startlog.Log, start bool) error {
	rank, err := h.Rank(a.ctx)
	if err != nil {
		return fail("Error fetching rank: %v", err)
	}
	if rank > 0 {
		return fail("Startlog events may only be posted from rank 0")
	}
	if start {
		return log.Started(a.ctx)
	}
	return log.Finished(a.ctx)
}

// startlogTime is how the listing tells times.
const startlogTime = "2006-01-02 15:04"

func (a *app) listRuns(runs []startlog.Run, version bool) {
	for _, r := range runs {
		if version {
			fmt.Fprintf(a.out, "%25s  ", r.Core)
		}
		fmt.Fprintf(a.out, "%s - ", r.Start.Format(startlogTime))
		switch {
		case r.Crashed:
			fmt.Fprintln(a.out, "crashed")
		case r.End.IsZero():
			fmt.Fprintf(a.out, "running (%s)\n", fsd.FormatShort(time.Since(r.Start).Seconds()))
		default:
			fmt.Fprintf(a.out, "%s (%s)\n", r.End.Format(startlogTime), fsd.FormatShort(r.End.Sub(r.Start).Seconds()))
		}
	}
}
