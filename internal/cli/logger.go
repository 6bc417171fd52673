// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
)

// maxLogInput bounds what is read from standard input for one log record.
const maxLogInput = 1 << 20

// newLogger is flux logger: a record for the broker's log.
func newLogger(a *app) *cobra.Command {
	var severity, appname string
	cmd := &cobra.Command{
		Use:   "logger [MESSAGE...]",
		Short: "write to the broker's log",
		RunE: func(_ *cobra.Command, args []string) error {
			level := slices.Index(severityNames[:], severity)
			if level < 0 {
				return fail("invalid severity: Use %s", strings.Join(severityNames[:], "|"))
			}
			text := strings.Join(args, " ")
			if len(args) == 0 {
				all, err := io.ReadAll(io.LimitReader(a.in, maxLogInput))
				if err != nil {
					return fail("standard input: %v", err)
				}
				text = string(all)
			}
			return a.log(level, appname, text)
		},
	}
	cmd.Flags().StringVarP(&severity, "severity", "s", "notice", "How grave it is (`NAME`): "+strings.Join(severityNames[:], ", "))
	cmd.Flags().StringVarP(&appname, "appname", "n", "logger", "Log under `NAME`")
	return cmd
}

// log sends one record a line of text and waits until they are in the log.
func (a *app) log(level int, appname, text string) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	rank, err := h.Rank(a.ctx)
	if err != nil {
		return fail("rank: %v", err)
	}
	text, _, _ = strings.Cut(text, "\x00")
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		now := time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
		record := fmt.Sprintf("<%d>1 %s %d %s - - - %s", level<<3, now, rank, appname, line)
		if err := h.RPC(a.ctx, "log.append", flux.NodeAny, []byte(record), nil); err != nil {
			if errors.Is(err, syscall.EPERM) { // scripts of guests go on
				a.warnf("log.append: %v", err)
				return nil
			}
			return fail("log.append: %v", err)
		}
	}
	return nil
}
