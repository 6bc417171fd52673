// SPDX-License-Identifier: LGPL-3.0-or-later

package modprobe

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"goflux/internal/install"
	"goflux/internal/rpc"
	"goflux/internal/startlog"
)

// CleanupCommands are what rc1 has the broker run when the initial program has
// ended: no new jobs, an end to those that run, and a wait for that. The last
// is run first.
var CleanupCommands = []string{
	"flux queue idle --quiet",
	"flux cancel --user=all --quiet --states RUN",
	"flux resource acquire-mute",
	"flux queue stop --quiet --all --nocheckpoint",
}

// rc1Modules are the modules of an instance.
var rc1Modules = []string{
	"content", "heartbeat", "cron", "content-backing", "kvs", "kvs-watch", "sdbus", "sdbus-sys", "sdexec", "sdmon",
	"resource", "job-manager", "job-list", "job-info", "job-ingest", "job-exec",
}

// RC1 brings the instance up.
func (m *Modprobe) RC1(ctx context.Context) error {
	o, err := m.RC1Order(ctx)
	if err != nil {
		return err
	}
	return m.run(ctx, o)
}

// RC1Order is the order of rc1's tasks.
func (m *Modprobe) RC1Order(ctx context.Context) (Order, error) {
	if err := m.setupRC1(); err != nil {
		return nil, err
	}
	if err := m.readRC(ctx, m.files("rc1", "py")); err != nil {
		return nil, err
	}
	return m.activeOrder()
}

// activeOrder is the order of the active tasks that the environment does not
// disable, and of what they require.
func (m *Modprobe) activeOrder() (Order, error) {
	if err := m.DisableByEnv(); err != nil {
		return nil, err
	}
	active, err := m.activeTasks()
	if err != nil {
		return nil, err
	}
	set, err := m.requirements(active.sorted(), false)
	if err != nil {
		return nil, err
	}
	return m.order(set)
}

func (m *Modprobe) setupRC1() error {
	if name, ok := m.inst.Attr("content.backing-module"); ok {
		if err := m.SetAlternative("content-backing", name); err != nil {
			return err
		}
	}
	if err := m.activate(rc1Modules...); err != nil {
		return err
	}
	if v, _ := m.inst.Getenv("FLUX_SCHED_MODULE"); v != "none" {
		if err := m.activate("sched", "feasibility"); err != nil {
			return err
		}
	}
	for _, t := range m.rc1Tasks() {
		m.prepare(t)
	}
	return nil
}

// prepare completes a task and makes it active.
func (m *Modprobe) prepare(t *Task) {
	if t.Ranks.text == "" {
		t.Ranks, _ = ParseRanks("") // all
	}
	t.Priority = defaultPriority
	m.addActive(t)
}

// DisableByEnv disables what FLUX_MODPROBE_DISABLE lists.
func (m *Modprobe) DisableByEnv() error {
	text, _ := m.inst.Getenv("FLUX_MODPROBE_DISABLE")
	for _, name := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		if err := m.Disable(name); err != nil {
			return err
		}
	}
	return nil
}

func (m *Modprobe) rc1Tasks() []*Task {
	leader, _ := ParseRanks("0")
	restored := make(chan string, 1) // the dump that is to be restored
	return []*Task{
		{
			Name: "check-restore", Ranks: leader, Before: []string{"content-backing"}, Needs: []string{"content-backing"},
			NeedsAttrs: []string{"content.restore"}, run: checkRestore(restored),
		},
		{
			// job-info as well: the job services take over the jobs of the dump.
			Name: "restore", Ranks: leader, Before: []string{"kvs", "job-info"}, After: []string{"content-backing", "check-restore"},
			Requires: []string{"check-restore", "content-backing"}, Needs: []string{"content-backing", "check-restore"},
			NeedsAttrs: []string{"content.restore"}, run: restore(restored),
		},
		{
			Name: "post-start-event", Ranks: leader, Requires: []string{"kvs"}, After: []string{"content-backing", "kvs"},
			Needs: []string{"content-backing"}, run: postStart,
		},
		{
			Name: "cron-load", Ranks: leader, After: []string{"cron"}, Needs: []string{"cron"},
			NeedsAttrs: []string{"cron.directory"}, run: cronLoad,
		},
		{Name: "push-cleanup", Ranks: leader, run: pushCleanup},
		{
			Name: "slurm-expiration-sync", Ranks: leader, NeedsEnv: []string{"SLURM_JOB_ID"}, After: []string{"resource"},
			run: syncSlurm,
		},
		{
			Name: "fake-resources", Ranks: leader, Before: []string{"resource"}, After: []string{"kvs"},
			NeedsConfig: []string{"fake-resources"}, run: makeUpResources,
		},
		{Name: "run-all-rc1", After: []string{"*"}, run: func(ctx context.Context, m *Modprobe) error { return m.scripts(ctx, "rc1.d") }},
	}
}

// checkRestore finds the dump and has the backing store begin empty.
func checkRestore(found chan<- string) func(context.Context, *Modprobe) error {
	return func(_ context.Context, m *Modprobe) error {
		defer close(found)
		file, _ := m.inst.Attr("content.restore")
		if file == "auto" {
			link := filepath.Join(m.dumpDir(), "RESTORE")
			if st, err := os.Lstat(link); err != nil || st.Mode()&os.ModeSymlink == 0 {
				return nil
			}
			file = link
		}
		if file != "" {
			m.addArgs("content-backing", false, "truncate")
			found <- file
		}
		return nil
	}
}

// dumpDir is where automatic dumps are: in a statedir that lasts, or here.
func (m *Modprobe) dumpDir() string {
	dir := "."
	if v, _ := m.inst.Attr("statedir-cleanup"); v == "0" {
		dir, _ = m.inst.Attr("statedir")
	}
	return filepath.Join(dir, "dump")
}

func restore(found <-chan string) func(context.Context, *Modprobe) error {
	return func(ctx context.Context, m *Modprobe) error {
		file, ok := <-found
		if !ok {
			return nil
		}
		m.out("restoring content from " + file)
		target, err := filepath.EvalSymlinks(file)
		if err != nil {
			return err
		}
		if err := m.command(ctx, install.Flux(), "restore", "--sd-notify", "--quiet", "--checkpoint", "--size-limit=100M", target); err != nil {
			return err
		}
		if target != file && filepath.Base(file) == "RESTORE" {
			return os.Remove(file)
		}
		return nil
	}
}

// postStart notes the start and tells of an end before it that was none.
func postStart(ctx context.Context, m *Modprobe) error {
	log := startlog.Log{Caller: m.inst, Key: startlog.Key, Version: startlog.Version}
	if err := log.Started(ctx); err != nil {
		return err
	}
	if v, _ := m.inst.Attr("statedir-cleanup"); v == "1" {
		return nil // a new instance has no past
	}
	runs, err := log.Read(ctx)
	if err != nil {
		return err
	}
	if startlog.CrashedLast(runs) {
		m.out("Flux was not shut down properly. What it had acknowledged has been kept.")
	}
	return nil
}

func cronLoad(ctx context.Context, m *Modprobe) error {
	dir, _ := m.inst.Attr("cron.directory")
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if err := m.command(ctx, install.Flux(), "cron", "tab", path); err != nil {
			return fmt.Errorf("could not load crontab: %s: %w", path, err)
		}
	}
	return nil
}

func pushCleanup(ctx context.Context, m *Modprobe) error {
	if _, off := m.inst.Getenv("FLUX_DISABLE_JOB_CLEANUP"); off {
		return nil
	}
	return m.inst.RPC(ctx, "runat.push", rpc.RunatPush{Name: "cleanup", Commands: CleanupCommands}, nil)
}

// scripts runs the programs in DIR of the configuration and of FLUX_RC_EXTRA.
// All are run, even when one fails.
func (m *Modprobe) scripts(ctx context.Context, name string) error {
	dirs := []string{install.Sysconf()}
	if extra, ok := m.inst.Getenv("FLUX_RC_EXTRA"); ok {
		dirs = append(dirs, strings.Split(extra, ":")...)
	}
	failed := false
	for _, dir := range dirs {
		if strings.TrimSpace(dir) == "" {
			continue
		}
		entries, err := os.ReadDir(filepath.Join(dir, name))
		if err != nil {
			continue // most have none
		}
		for _, e := range entries {
			path := filepath.Join(dir, name, e.Name())
			st, err := os.Stat(path)
			if err != nil || !st.Mode().IsRegular() || st.Mode()&0o111 == 0 {
				continue
			}
			m.out("running " + path)
			if err := m.command(ctx, path); err != nil {
				m.err(fmt.Sprintf("%s failed with %v", path, err))
				failed = true
			}
		}
	}
	if failed {
		return fmt.Errorf("one or more %s scripts failed", name)
	}
	return nil
}

// command runs a program and passes its output on.
func (m *Modprobe) command(ctx context.Context, argv ...string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = m.inst.Environ()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var readers sync.WaitGroup
	readers.Go(func() { lines(bufio.NewReader(stdout), m.out) })
	readers.Go(func() { lines(bufio.NewReader(stderr), m.err) })
	readers.Wait()
	return cmd.Wait()
}

func lines(r *bufio.Reader, each func(string)) {
	for {
		line, _, err := r.ReadLine()
		if err != nil {
			return
		}
		each(string(line))
	}
}
