// SPDX-License-Identifier: LGPL-3.0-or-later

package modprobe

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"goflux/internal/install"
	"goflux/internal/startlog"
)

// RC3 brings the instance down: all modules that the table knows are removed,
// in the reverse order of loading.
func (m *Modprobe) RC3(ctx context.Context) error {
	mods, _, err := m.loaded(ctx)
	if err != nil {
		return err
	}
	m.removeAll(mods)
	for _, t := range rc3Tasks() {
		m.prepare(t)
	}
	if err := m.readRC(ctx, m.files("rc3", "py")); err != nil {
		return err
	}
	set, err := m.activeTasks()
	if err != nil {
		return err
	}
	o, err := m.order(set)
	if err != nil {
		return err
	}
	return m.run(ctx, o)
}

// removeAll makes the removal of loaded modules active, in the reverse order of
// loading.
func (m *Modprobe) removeAll(mods []string) {
	m.preferAll(mods)
	for _, name := range mods {
		t := m.tasks[name]
		if t.remove {
			continue
		}
		t.remove = true
		t.Before, t.After = t.After, t.Before
		t.Needs, t.Requires = nil, nil
		t.Disabled = false
		m.forced[name] = true // it is loaded, whatever the rules say now
		m.active = append(m.active, name)
	}
}

// unload is removeAll for the modules of names, or all for none, and what only
// they required.
func (m *Modprobe) unload(ctx context.Context, modules []string) error {
	if modules == nil {
		modules = []string{"all"}
	}
	gone, err := m.removals(ctx, modules)
	if err != nil {
		return err
	}
	m.removeAll(gone)
	return nil
}

func rc3Tasks() []*Task {
	leader, _ := ParseRanks("0")
	return []*Task{
		{Name: "run-all-rc3", Before: []string{"*"}, run: func(ctx context.Context, m *Modprobe) error { return m.scripts(ctx, "rc3.d") }},
		{
			Name: "post-finish-event", Ranks: leader, Before: []string{"kvs"}, Needs: []string{"kvs"},
			run: func(ctx context.Context, m *Modprobe) error {
				return startlog.Log{Caller: m.inst, Key: startlog.Key, Version: startlog.Version}.Finished(ctx)
			},
		},
		{
			Name: "content-flush", Ranks: leader, After: []string{"kvs"}, Before: []string{"content-dump", "content-backing"},
			Needs: []string{"content-backing"}, run: contentFlush,
		},
		{
			Name: "content-dump", Ranks: leader, After: []string{"content-flush"}, Before: []string{"content-backing"},
			NeedsAttrs: []string{"content.dump"}, run: contentDump,
		},
	}
}

func contentFlush(ctx context.Context, m *Modprobe) error {
	err := m.inst.RPC(ctx, "content.flush", nil, nil)
	if errors.Is(err, syscall.ENOSYS) {
		return nil // the module is not loaded
	}
	return err
}

func contentDump(ctx context.Context, m *Modprobe) error {
	file, _ := m.inst.Attr("content.dump")
	link := ""
	if file == "auto" {
		dir := m.dumpDir()
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		file = filepath.Join(dir, time.Now().Format("20060102_150405")+".tgz")
		link = filepath.Join(dir, "RESTORE")
	}
	m.out("dumping content to " + file)
	err := m.command(ctx, install.Flux(), "dump", "--sd-notify", "--quiet", "--ignore-failed-read", "--no-cache",
		"--maxreqs=128", "--checkpoint", file)
	if err == nil && link != "" {
		err = os.Symlink(filepath.Base(file), link)
	}
	return err
}
