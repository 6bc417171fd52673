// SPDX-License-Identifier: LGPL-3.0-or-later

package sim

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// logHandler keeps the last records of all brokers' logs, and lists them.
type logHandler struct {
	w     *world
	rank  uint32
	attrs string
}

// keptLines is how many lines a failure shows.
const keptLines = 40

func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn || h.w.detail != nil
}

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%13.6f %s[%d]%s: %s", h.w.now.Seconds(), r.Level, h.rank, h.attrs, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		return true
	})
	line := b.String()
	if h.w.detail != nil {
		fmt.Fprintln(h.w.detail, line)
	}
	if h.w.logged = append(h.w.logged, line); len(h.w.logged) > keptLines {
		h.w.logged = h.w.logged[1:]
	}
	return nil
}

func (h *logHandler) WithAttrs(as []slog.Attr) slog.Handler {
	c := *h
	for _, a := range as {
		c.attrs += fmt.Sprintf(" %v", a.Value)
	}
	return &c
}

func (h *logHandler) WithGroup(string) slog.Handler { return h }
