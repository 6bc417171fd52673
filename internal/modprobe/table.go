// SPDX-License-Identifier: LGPL-3.0-or-later

package modprobe

// builtin is the table of the modules that there are.
func builtin() []*Task {
	leader, _ := ParseRanks("0")
	all, _ := ParseRanks("")
	list := []*Task{
		{Name: "heartbeat"},
		{Name: "content", Requires: []string{"heartbeat", "content-backing"}},
		{Name: "cron", Ranks: leader, Requires: []string{"heartbeat"}, Args: []string{"sync=heartbeat.pulse"}},
		{Name: "content-files", Ranks: leader, After: []string{"content"}, Provides: []string{"content-backing"}},
		{Name: "content-sqlite", Ranks: leader, After: []string{"content"}, Provides: []string{"content-backing"}},
		{Name: "kvs", After: []string{"content-backing", "content"}, Requires: []string{"content", "heartbeat"}},
		{Name: "kvs-watch", After: []string{"kvs"}, Requires: []string{"kvs"}},
		{Name: "sdbus", NeedsConfig: []string{"systemd.enable"}},
		{Name: "sdbus-sys", Module: "sdbus", Args: []string{"system"}, NeedsConfig: []string{"systemd.enable"}},
		{
			Name: "sdmon", After: []string{"sdbus", "sdbus-sys"}, Requires: []string{"sdbus", "sdbus-sys"},
			NeedsConfig: []string{"systemd.enable"},
		},
		{
			Name: "sdexec", After: []string{"sdbus"}, Requires: []string{"sdbus", "sdexec-mapper"},
			NeedsConfig: []string{"systemd.enable"},
		},
		{Name: "sdexec-mapper", NeedsConfig: []string{"systemd.enable", "exec.sdexec-constrain-resources"}},
		{Name: "resource", After: []string{"kvs-watch"}, Requires: []string{"kvs-watch"}},
		{Name: "job-manager", Ranks: leader, Requires: []string{"resource", "kvs"}, After: []string{"resource", "kvs"}},
		{Name: "job-info", Requires: []string{"kvs-watch", "kvs"}},
		{Name: "job-list", Ranks: leader, Requires: []string{"job-manager"}, After: []string{"job-manager"}},
		{Name: "job-ingest", After: []string{"job-manager"}, Requires: []string{"kvs", "job-manager"}},
		{Name: "job-exec", Ranks: leader, After: []string{"job-manager"}, Requires: []string{"kvs", "job-manager"}},
		scheduler("sched-simple", 50),
		scheduler("sched-fifo", 40),
		scheduler("sched-backfill", 40),
	}
	for _, t := range list {
		if t.Module == "" {
			t.Module = t.Name
		}
		if t.Ranks.text == "" {
			t.Ranks = all
		}
		if t.Priority == 0 {
			t.Priority = defaultPriority
		}
	}
	return list
}

func scheduler(name string, priority int64) *Task {
	leader, _ := ParseRanks("0")
	return &Task{
		Name: name, Ranks: leader, Priority: priority, Provides: []string{"sched", "feasibility"},
		Requires: []string{"job-manager", "resource"}, After: []string{"job-manager", "resource"},
	}
}

func isBuiltin(module string) bool {
	for _, t := range builtin() {
		if t.Module == module {
			return true
		}
	}
	return false
}
