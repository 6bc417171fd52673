// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// archive is one as flux-archive(1) makes it.
const archive = `[{"path":"d","mode":16872},{"path":"d/a","mode":33188,"size":1,"encoding":"utf-8","data":"A"},
{"path":"d/b","mode":33261,"size":1,"encoding":"utf-8","data":"B"},{"path":"l","mode":41471,"encoding":"utf-8","data":"d/a"}]`

func TestStageIn(t *testing.T) {
	b := newBrokers(t, 1)
	b.kvs = map[string]string{"archive.one": archive, "archive.main": `[]`}
	r := b.run(testJob{command: sh("cd $FLUX_JOB_TMPDIR; cat l; test -x d/b; stat -c %a d; echo *"), options: `{"stage-in":{"names":"one,main"}}`})
	expect(t, "exit", r.wait(), []int{0})
	expect(t, "stdout", b.output("stdout")["0"], "A750\nd l\n$")
}

// A pattern's wildcards match slashes; a global destination is the leader's business.
func TestStageInOnce(t *testing.T) {
	b := newBrokers(t, 2)
	b.kvs = map[string]string{"archive.main": archive}
	dest := t.TempDir()
	r := b.run(testJob{command: []string{"true"}, tasks: 2, options: `{"verbose":2,"stage-in":{"pattern":"*[!a]","destination":"global:` + dest + `"}}`})
	expect(t, "exit", r.wait(), []int{0, 0})
	expect(t, "files", names(t, dest), "d d/b l")
	if n := strings.Count(b.logs(), "d/b\n"); n != 1 {
		t.Errorf("d/b is logged %d times:\n%s", n, b.logs())
	}
}

// names are the paths below dir.
func names(t *testing.T, dir string) string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if path != dir {
			list = append(list, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestSysmon(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	s := &Shell{log: &logger{level: sevTrace, sink: func(c logContext) { got = append(got, c.Component+": "+c.Message) }}}
	m := &sysmon{s: s}
	m.open(cgroup(dir))
	write("memory.current", "2097152\n")
	write("memory.peak", "3145728\n")
	write("cpu.stat", "x_usage_usec 5\nusage_usec 1000000\nuser_usec 7\n")
	m.open(cgroup(dir))
	now := time.Now()
	m.first = cpuSample{now.Add(-1e6 * time.Second), 0}
	m.last = m.first
	write("cpu.stat", "usage_usec 2500000000000\n")
	m.trace()
	m.finish()
	expect(t, "log", strings.Join(got, "\n"), `sysmon: no memory.peak/memory.current (disabled)
sysmon: no cpu.stat (disabled)
sysmon: memory.current=2M
sysmon: loadavg=2.50
sysmon: memory.peak=3M
sysmon: loadavg-overall=2.50`)
}

// The output of helpers on several nodes comes together, to the last of it.
func TestCoprocesses(t *testing.T) {
	b := newBrokers(t, 3)
	dir := t.TempDir()
	script := `trap 'echo bye{{node.id}}; exit' TERM; echo up{{node.id}} >&2; touch ` + dir + `/up{{node.id}}; while :; do sleep 0.01; done`
	// Helpers are ended with the tasks, which therefore wait for them.
	wait := "cd " + dir + "; until test -e up0 -a -e up2 -a -e said0 -a -e said1 -a -e said2; do sleep 0.01; done"
	r := b.run(testJob{tasks: 3, command: sh(wait), options: `{"coprocess":{
		"mon":{"command":["sh","-c","` + script + `"],"output":"` + dir + `/mon-{{id.dec}}","ranks":"0,2"},
		"each":{"command":["sh","-c","echo {{node.id}}; touch ` + dir + `/said{{node.id}}"],"output":"` + dir + `/each-{{node.id}}"},
		"none":{"command":["/nonexistent/helper"],"output":"` + dir + `/none"}}}`})
	expect(t, "exit", r.wait(), []int{0, 0, 0})
	text, err := os.ReadFile(filepath.Join(dir, "mon-"+testID.Dec()))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(text))
	slices.Sort(lines)
	lines = slices.DeleteFunc(lines, func(w string) bool { return w == "Terminated" }) // of sleep, by sh
	expect(t, "output", lines, "[bye0 bye2 up0 up2]")
	for _, rank := range []string{"0", "1", "2"} {
		text, _ := os.ReadFile(filepath.Join(dir, "each-"+rank))
		expect(t, "each", string(text), rank+"\n")
	}
	if n := strings.Count(b.logs(), "none: launch failed: No such file or directory"); n != 3 {
		t.Errorf("%d shells tell of a failure:\n%s", n, b.logs())
	}
}

func TestCoprocessThatStays(t *testing.T) {
	b := newBrokers(t, 1)
	up := filepath.Join(t.TempDir(), "up")
	r := b.run(testJob{command: sh("until test -e " + up + "; do sleep 0.01; done"), options: `{"coprocess-kill-timeout":"0.1s","coprocess":{
		"mon":{"command":["sh","-c","trap '' TERM; touch ` + up + `; sleep 1000"],"output":"/dev/null"}}}`})
	expect(t, "exit", r.wait(), []int{0})
	if !strings.Contains(b.logs(), "helper(s) still running, sending SIGKILL") {
		t.Errorf("log:\n%s", b.logs())
	}
}
