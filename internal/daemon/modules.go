// SPDX-License-Identifier: LGPL-3.0-or-later

package daemon

import (
	"context"
	"fmt"
	"strings"
	"time"

	"goflux/flux"
	"goflux/internal/core/lifecycle"
	"goflux/internal/service"
	"goflux/jobid"
)

// loadBuiltins loads the built-in modules one after the other: each may use
// those before it.
func (l *driver) loadBuiltins(names []string) {
	if len(names) == 0 {
		l.finishBoot()
		return
	}
	l.b.Load(names[0], "", nil, func(err error) {
		l.h.Post(func() {
			if err != nil {
				l.log.Error(fmt.Sprintf("error loading builtins: %s: %s", names[0], errText(err)))
				l.step(lifecycle.Post{Event: "builtins-fail"})
				return
			}
			l.loadBuiltins(names[1:])
		})
	})
}

// finishBoot ends the conversation with the process manager and tells the
// enclosing instance where this one is.
func (l *driver) finishBoot() {
	var errs []error
	l.h.Go(func(ctx context.Context) {
		if l.d.boot.UnderFlux && l.h.Rank() == 0 {
			errs = append(errs, l.d.tellParent(ctx))
		}
		errs = append(errs, l.d.boot.Finish())
	}, func() {
		for _, err := range errs {
			if err != nil {
				l.log.Error(fmt.Sprintf("error finalizing bootstrap: %s", errText(err)))
			}
		}
		if l.h.Rank() != 0 {
			l.watchParent()
		}
		l.step(lifecycle.Post{Event: "builtins-success"})
	})
}

// parentTimeout bounds the conversation with the enclosing instance.
const parentTimeout = time.Minute

// tellParent tells the enclosing instance the URI of this one and which of its
// nodes are critical.
func (d *daemon) tellParent(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, parentTimeout)
	defer cancel()
	text, _ := d.attrs.Get("jobid")
	id, err := jobid.Parse(text)
	if err != nil {
		return fmt.Errorf("jobid attribute: %w", err)
	}
	parent, _ := d.attrs.Get("parent-uri")
	c, err := flux.Open(ctx, parent)
	if err != nil {
		return fmt.Errorf("connecting to the enclosing instance: %w", err)
	}
	defer c.Close()
	host, _ := d.attrs.Get("hostname")
	local, _ := d.attrs.Get("local-uri")
	memo := map[string]any{"id": id, "memo": map[string]string{"uri": "ssh://" + host + strings.TrimPrefix(local, "local://")}}
	if err := c.RPC(ctx, "job-manager.memo", flux.NodeAny, memo, nil); err != nil {
		return fmt.Errorf("job-manager.memo uri: %w", err)
	}
	nodes := d.boot.CriticalNodes()
	if nodes == "" {
		return fmt.Errorf("Unable to get critical ranks, all ranks will be critical")
	}
	critical := map[string]any{"id": id, "ranks": nodes}
	if err := c.RPC(ctx, "job-exec.critical-ranks", flux.NodeAny, critical, nil); err != nil && !noService(err) {
		return fmt.Errorf("job-exec.critical-ranks: %w", err)
	}
	return nil
}

func (l *driver) unloadBuiltins(names []string) {
	if len(names) == 0 {
		l.step(lifecycle.Post{Event: "builtins-done"})
		return
	}
	l.b.Modules().Unload(names[0], func(error) {
		l.h.Post(func() { l.unloadBuiltins(names[1:]) })
	})
}

// moduleFailed is called when a module has ended by itself with an error.
func (l *driver) moduleFailed(name string) {
	l.log.Log(context.Background(), service.LevelCrit, name+" module runtime failure")
	if v, ok := l.d.attrs.Get("broker.module-nopanic"); ok && v != "0" {
		return
	}
	l.step(lifecycle.Panic{})
}
