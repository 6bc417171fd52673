// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"goflux/internal/message"
	"goflux/internal/rpc"
)

func sh(script string) []string { return []string{"sh", "-c", script} }

func expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func TestOneTask(t *testing.T) {
	b := newBrokers(t, 1)
	r := b.run(testJob{command: sh("echo out; echo err >&2; pwd; exit 3")})
	expect(t, "exit", r.wait(), []int{3})
	expect(t, "stdout", b.output("stdout"), map[string]string{"0": "out\n" + b.dir + "\n$"})
	expect(t, "stderr", b.output("stderr"), map[string]string{"0": "err\n$"})
	expect(t, "events", b.names("exec"), "shell.init shell.start shell.task-exit")
}

func TestEventContexts(t *testing.T) {
	b := newBrokers(t, 1)
	expect(t, "exit", b.run(testJob{command: sh("kill -9 $$")}).wait(), []int{137})
	list := b.events("exec")
	context := func(i int) string { return string(list[i].Context) }
	expect(t, "shell.init", context(0), fmt.Sprintf(`{"service":"%d-shell-%s","leader-rank":0,"size":1}`, os.Getuid(), testID.F58ASCII()))
	expect(t, "shell.start", context(1), `{"taskmap":{"version":1,"map":[[0,1,1,1]]}}`)
	var exit rpc.ShellTask
	if err := json.Unmarshal(list[2].Context, &exit); err != nil {
		t.Fatal(err)
	}
	exit.Pid = 0
	expect(t, "shell.task-exit", exit, rpc.ShellTask{State: "Exited", WaitStatus: 9, Signaled: 9, ExitCode: 137})
	header := b.events("output")[0]
	expect(t, "header", string(header.Context), `{"version":1,"encoding":{"stdout":"UTF-8","stderr":"UTF-8"},"count":{"stdout":1,"stderr":1},"options":{}}`)
	expect(t, "input", b.names("input"), "header")
}

func TestEnvironment(t *testing.T) {
	b := newBrokers(t, 1)
	r := b.run(testJob{
		command: sh("env | sort"), env: map[string]string{"HOSTNAME": "elsewhere", "FLUX_PROXY_REMOTE": "x", "A": "b c"},
	})
	expect(t, "exit", r.wait(), []int{0})
	got := b.output("stdout")["0"]
	host, _ := os.Hostname()
	for _, want := range []string{
		"FLUX_JOB_ID=" + testID.F58(), "FLUX_JOB_ID_PATH=/" + testID.F58(), "FLUX_JOB_SIZE=1", "FLUX_JOB_NNODES=1",
		"FLUX_TASK_RANK=0", "FLUX_TASK_LOCAL_ID=0", "FLUX_KVS_NAMESPACE=job-1", "FLUX_URI=local://" + b.path(0), "A=b c",
		"HOSTNAME=" + host, "PMI_RANK=0", "PMI_SIZE=1", "PMI_FD=3", "CUDA_VISIBLE_DEVICES=-1",
		"FLUX_JOB_TMPDIR=" + b.dir + "/jobtmp-0-" + testID.F58(),
	} {
		if !strings.Contains("\n"+got, "\n"+want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(got, "FLUX_PROXY_REMOTE") || strings.Contains(got, rpc.ShellInfoEnv) {
		t.Errorf("too much in\n%s", got)
	}
	if left, _ := filepath.Glob(b.dir + "/jobtmp*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestExitRecord(t *testing.T) {
	b := newBrokers(t, 1)
	r := b.run(testJob{command: sh("exit 5")})
	r.wait()
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(r.infos[0]), rpc.ShellExitFile))
	if err != nil {
		t.Fatal(err)
	}
	var got rpc.ShellExit
	if err := message.Unmarshal(raw, &got); err != nil || got.Status != 5<<8 || got.ID != testID || got.Pid != r.cmds[0].Process.Pid {
		t.Errorf("%s, %v", raw, err)
	}
}

// A short job's last words go with that of its shell's end, when it may take
// another job: nobody has to acknowledge them first.
func TestRestGoesWithTheEnd(t *testing.T) {
	t.Setenv("SHELL_TEST_PATIENT", "1")
	b := newBrokers(t, 1)
	b.deaf = true
	r := b.run(testJob{command: []string{"true"}, info: func(i *rpc.ShellInfo) { i.Next = true }})
	expect(t, "exit", r.wait(), []int{0})
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(r.infos[0]), rpc.ShellExitFile))
	if err != nil {
		t.Fatal(err)
	}
	var record rpc.ShellExit
	if err := message.Unmarshal(raw, &record); err != nil {
		t.Fatal(err)
	}
	var told rpc.AgentNext
	if err := b.asked.Decode(&told); err != nil {
		t.Fatal(err)
	}
	expect(t, "told", told.Rest, record.Rest)
	for _, rest := range record.Rest {
		b.streams[rest.Stream] += rest.Data
	}
	expect(t, "events", b.names("exec"), "shell.init shell.start shell.task-exit")
	expect(t, "output", b.names("output"), "header data data")
	expect(t, "input", b.names("input"), "header")
}

// Several tasks on several nodes: each writes its rank, the leader gathers.
func TestManyShells(t *testing.T) {
	b := newBrokers(t, 3)
	r := b.run(testJob{command: sh("echo $FLUX_TASK_RANK.$FLUX_TASK_LOCAL_ID; exit $FLUX_TASK_RANK"), tasks: 6, cores: 2})
	expect(t, "exit", r.wait(), []int{1, 3, 5})
	expect(t, "stdout", b.output("stdout"), map[string]string{"0": "0.0\n$", "1": "1.1\n$", "2": "2.0\n$", "3": "3.1\n$", "4": "4.0\n$", "5": "5.1\n$"})
	expect(t, "events", b.names("exec"), "shell.init shell.start shell.task-exit")
	expect(t, "taskmap", string(b.events("exec")[1].Context), `{"taskmap":{"version":1,"map":[[0,3,2,1]]}}`)
}

// More output than there is credit for arrives whole and in order.
func TestOutputFlow(t *testing.T) {
	b := newBrokers(t, 2)
	r := b.run(testJob{command: sh("seq 3000"), tasks: 2, options: `{"output":{"client":{"lwm":5,"hwm":20}}}`})
	expect(t, "exit", r.wait(), []int{0, 0})
	var want strings.Builder
	for i := range 3000 {
		fmt.Fprintln(&want, i+1)
	}
	for rank, got := range b.output("stdout") {
		if got != want.String()+"$" {
			t.Errorf("task %s: %d bytes, want %d", rank, len(got), want.Len()+1)
		}
	}
}

func TestStartFailure(t *testing.T) {
	b := newBrokers(t, 1)
	expect(t, "exit", b.run(testJob{command: []string{"nosuchcommand"}}).wait(), []int{127})
	host, _ := os.Hostname()
	want := "task 0 (host " + host + "): start failed: nosuchcommand: No such file or directory"
	if e := b.exceptions(); len(e) != 1 || e[0].Note != want || e[0].Type != "exec" {
		t.Errorf("exceptions %+v", e)
	}
	expect(t, "log", b.logs(), "flux-shell[0]: FATAL: "+want+"\n")
}

func TestKillEvent(t *testing.T) {
	b := newBrokers(t, 2)
	r := b.run(testJob{command: sh("echo up; exec sleep 1000"), tasks: 2})
	b.waitStream("exec", "shell.start")
	b.publish(fmt.Sprintf("shell-%d.kill", uint64(testID)), rpc.ShellKill{Signum: 15})
	expect(t, "exit", r.wait(), []int{143, 143})
}

func TestSignalIsForwarded(t *testing.T) {
	b := newBrokers(t, 1)
	r := b.run(testJob{command: sh("trap 'echo got; exit 7' TERM; echo up; while :; do sleep 0.02; done")})
	b.waitStream("output", `"up\n"`)
	if err := r.cmds[0].Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	expect(t, "exit", r.wait(), []int{7})
	expect(t, "stdout", b.output("stdout"), map[string]string{"0": "up\ngot\n$"})
}

func TestStdin(t *testing.T) {
	b := newBrokers(t, 2)
	r := b.run(testJob{command: []string{"cat"}, tasks: 4, cores: 2})
	for _, io := range []rpc.IO{
		rpc.NewIO("stdin", "all", []byte("all\n"), false),
		rpc.NewIO("stdin", "1,3", []byte("odd\n"), true),
		rpc.NewIO("stdin", "2", []byte("\xff"), false),
	} {
		if err := b.rpc(0, "stdin", io).Err(); err != nil {
			t.Errorf("%+v: %v", io, err)
		}
	}
	if err := b.rpc(0, "stdin", rpc.NewIO("stdin", "3", []byte("more"), false)).Err(); message.Errno(err) != syscall.EPIPE {
		t.Errorf("after the end: %v", err)
	}
	if err := b.rpc(0, "stdin", rpc.IO{Stream: "stdin", Rank: "all", EOF: true}).Err(); err != nil {
		t.Error(err)
	}
	if err := b.rpc(0, "stdin", rpc.NewIO("stdin", "all", []byte("more"), false)).Err(); message.Errno(err) != syscall.EPIPE {
		t.Errorf("after the end of all: %v", err)
	}
	expect(t, "exit", r.wait(), []int{0, 0})
	expect(t, "stdout", b.output("stdout"), map[string]string{"0": "all\n$", "1": "all\nodd\n$", "2": "all\n\xff$", "3": "all\nodd\n$"})
	expect(t, "input", b.names("input"), "header data data data data")
}

func TestStdinLimit(t *testing.T) {
	b := newBrokers(t, 1)
	r := b.run(testJob{command: []string{"cat"}, options: `{"input":{"limit":4}}`})
	for range 10 {
		b.request(0, "stdin", rpc.NewIO("stdin", "all", []byte("123"), false), 0)
	}
	expect(t, "exit", r.wait(), []int{1})
	if e := b.exceptions(); len(e) != 1 || !strings.HasPrefix(e[0].Note, "stdin exceeds 4 limit. Try file input") {
		t.Errorf("exceptions %+v", e)
	}
}

func TestStdinFile(t *testing.T) {
	b := newBrokers(t, 1)
	path := filepath.Join(b.dir, "in")
	if err := os.WriteFile(path, []byte("from a file\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := b.run(testJob{command: []string{"cat"}, tasks: 2, cores: 2, options: `{"input":{"stdin":{"type":"file","path":"` + path + `"}}}`})
	expect(t, "exit", r.wait(), []int{0})
	expect(t, "stdout", b.output("stdout"), map[string]string{"0": "from a file\n$", "1": "from a file\n$"})
	expect(t, "input", b.names("input"), "header redirect")
}

func TestOutputFiles(t *testing.T) {
	b := newBrokers(t, 2)
	file := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(b.dir, name))
		if err != nil {
			t.Error(err)
		}
		lines := strings.SplitAfter(string(raw), "\n")
		slices.Sort(lines)
		return strings.Join(lines, "")
	}
	script := sh("echo out $FLUX_TASK_RANK; echo err $FLUX_TASK_RANK >&2")
	r := b.run(testJob{command: script, tasks: 4, cores: 2, options: `{"output":{"stdout":{"type":"file","path":"out-{{id}}-{{size}}","label":true},"stderr":{"type":"file","path":"err-{{taskid}}-{{node.id}}-{{nope}}","label":false}}}`})
	expect(t, "exit", r.wait(), []int{0, 0})
	expect(t, "shared file", file("out-"+testID.F58()+"-4"), "0: out 0\n1: out 1\n2: out 2\n3: out 3\n")
	expect(t, "own file", file("err-3-1-{{nope}}"), "err 3\n")
	expect(t, "events", b.names("output"), "header redirect redirect")
	if c := string(b.events("output")[2].Context); !strings.Contains(c, `"rank":"[0-3]","path":"err-{{taskid}}-{{node.id}}-{{nope}}"`) {
		t.Errorf("redirect %s", c)
	}
}

func TestOutputLimit(t *testing.T) {
	b := newBrokers(t, 1)
	r := b.run(testJob{command: sh("echo 123456789; echo 12345; echo x"), options: `{"output":{"limit":"12"}}`})
	expect(t, "exit", r.wait(), []int{0})
	expect(t, "stdout", b.output("stdout"), map[string]string{"0": "123456789\n$"})
	if l := b.logs(); !strings.Contains(l, "stdout will be truncated, 12 limit exceeded") || !strings.Contains(l, "stdout: 6 of 18 bytes truncated") {
		t.Errorf("log %s", l)
	}
}

func TestOptionErrors(t *testing.T) {
	for options, want := range map[string]string{
		`{"exit-timeout":"soon"}`:                          "exit-timeout is not a valid Flux Standard Duration",
		`{"output":{"limit":"2G"}}`:                        "Invalid output.limit=2G",
		`{"output":{"stdout":{"type":"file"}}}`:            "path for file output not specified",
		`{"output":{"stdout":{"path":"/nonexistent/x"}}}`:  "error opening output file '/nonexistent/x': No such file or directory",
		`{"input":{"stdin":{"type":"magic"}}}`:             "input.stdin.type=magic invalid",
		`{"input":{"stdin":{"type":"file","path":"/no"}}}`: "error opening input file '/no': No such file or directory",
		`{"rlimit":{"bogus":1}}`:                           "invalid shell option rlimit.bogus=1",
		`{"taskmap":{"scheme":"magic"}}`:                   "failed to map tasks with scheme=magic",
		`{"cpu-affinity":"map:zz"}`:                        "cpuset zz contains no cores or is invalid",
		`{"signal":{"signum":"x"}}`:                        "shell option signal.signum must be an integer",
		`{"verbose":"much"}`:                               "shell option verbose must be an integer",
		`{"oom":{"adjust":5000}}`:                          "oom.adjust=5000 is not between -1000 and 1000",
		`{"stage-in":{"destination":"far:/tmp"}}`:          "stage-in: destination prefix must be local: or global:",
		`{"stage-in":{"names":"none"}}`:                    "stage-in: archive none: KVS lookup archive.none: No such file or directory",
		`{"sysmon":{"period":"often"}}`:                    `sysmon: sysmon.period is not a valid FSD: "often"`,
		`{"coprocess":"x"}`:                                "coprocess: the option must be a non-empty object",
		`{"coprocess":{"m":{"command":[]}}}`:               "coprocess: m: command must be a non-empty array of strings",
		`{"coprocess":{"m":{"command":["x"],"rank":"0"}}}`: "coprocess: m: there is no key rank",
	} {
		b := newBrokers(t, 1)
		expect(t, options, b.run(testJob{command: []string{"true"}, options: options}).wait(), []int{1})
		if e := b.exceptions(); len(e) != 1 || e[0].Note != want {
			t.Errorf("%s: exceptions %+v, want %q", options, e, want)
		}
	}
}

func TestExitOnError(t *testing.T) {
	b := newBrokers(t, 2)
	r := b.run(testJob{command: sh("test $FLUX_TASK_RANK = 1 && exit 4; exec sleep 1000"), tasks: 2, options: `{"exit-on-error":1}`})
	b.mu.Lock()
	for len(b.raised) == 0 {
		b.changed.Wait()
	}
	b.mu.Unlock()
	e := b.exceptions()[0]
	if e.Note != "sh: task rank 1 on host host1 failed (Exit 4) and exit-on-error is set" || e.WaitStatus == nil || *e.WaitStatus != 4<<8 {
		t.Errorf("exception %+v", e)
	}
	expect(t, "exit", r.wait(), []int{4, 4})
}

func TestExitTimeout(t *testing.T) {
	b := newBrokers(t, 1)
	r := b.run(testJob{command: sh("test $FLUX_TASK_RANK = 0 && exit 0; exec sleep 1000"), tasks: 2, cores: 2, options: `{"exit-timeout":"10ms"}`})
	expect(t, "exit", r.wait(), []int{0})
	if e := b.exceptions(); len(e) != 1 || !strings.Contains(e[0].Note, "sh: task rank 0 on host host0 exited (Exit 0) and exit-timeout=") {
		t.Errorf("exceptions %+v", e)
	}
}

func TestLostShell(t *testing.T) {
	b := newBrokers(t, 2)
	r := b.run(testJob{command: sh("test $FLUX_TASK_RANK = 0 && exit 0; while kill -0 $PPID; do sleep 0.01; done 2>&-"), tasks: 2, options: `{"exit-timeout":"none"}`})
	b.waitStream("exec", "shell.task-exit")
	if err := r.cmds[1].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	m := b.rpc(0, "exception", rpc.ShellException{Type: "lost-shell", Severity: 2, ShellRank: 1, Message: "shell 1 is gone"})
	if err := m.Err(); err != nil {
		t.Error(err)
	}
	expect(t, "exit", r.wait()[0], 0)
	if !strings.Contains(b.logs(), "shell 1 is gone") {
		t.Errorf("log %s", b.logs())
	}
}

func TestLimitsAndMasks(t *testing.T) {
	b := newBrokers(t, 1)
	r := b.run(testJob{command: sh("ulimit -n; ulimit -c"), options: `{"rlimit":{"nofile":64,"core":0}}`})
	expect(t, "exit", r.wait(), []int{0})
	expect(t, "stdout", b.output("stdout")["0"], "64\n0\n$")
}

func TestMPI(t *testing.T) {
	job := func(options string) string {
		b := newBrokers(t, 1)
		r := b.run(testJob{
			command: []string{"sh", "-c", "env | grep -E '^(OMPI|PMIX|LD_PRELOAD)' | sort; ulimit -S -s"}, options: options,
			env: map[string]string{"OMPI_LEFT": "1", "PMIX_LEFT": "1"},
		})
		expect(t, "exit of "+options, r.wait(), []int{0})
		return b.output("stdout")["0"]
	}
	const vader = "OMPI_MCA_btl_vader_backing_directory=/"
	if got := job(`{}`); !strings.Contains(got, vader) || !strings.Contains(got, "PMIX_LEFT") || strings.Contains(got, "spectrum") {
		t.Errorf("Open MPI:\n%s", got)
	}
	if got := job(`{"mpi":"none"}`); strings.Contains(got, vader) {
		t.Errorf("none:\n%s", got)
	}
	got := job(`{"mpi":"spectrum@10.4"}`)
	for _, want := range []string{
		vader, "OMPI_COMM_WORLD_RANK=0\n", "OMPI_MCA_btl=self\n", "LD_PRELOAD=/opt/ibm/spectrum_mpi/lib/libpami_cudahook.so", "\n10240\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("spectrum: no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "_LEFT") {
		t.Errorf("spectrum: too much in\n%s", got)
	}
	if got := job(`{"mpi":"spectrum","rlimit":{"stack":4194304}}`); !strings.Contains(got, "\n4096\n") {
		t.Errorf("spectrum with a stack:\n%s", got)
	}
}

func TestAffinity(t *testing.T) {
	cores := func(i *rpc.ShellInfo) { i.Cores = []string{"0", "1"} }
	show := sh("grep Cpus_allowed_list /proc/self/status | cut -f2")
	for options, want := range map[string]map[string]string{
		`{"cpu-affinity":"per-task"}`: {"0": "0\n$", "1": "1\n$"},
		`{"cpu-affinity":"map:1;0"}`:  {"0": "1\n$", "1": "0\n$"},
		`{}`:                          {"0": "0-1\n$", "1": "0-1\n$"},
	} {
		b := newBrokers(t, 1)
		expect(t, "exit", b.run(testJob{command: show, tasks: 2, cores: 2, options: options, info: cores}).wait(), []int{0})
		expect(t, options, b.output("stdout"), want)
	}
	b := newBrokers(t, 1)
	r := b.run(testJob{command: []string{"true"}, tasks: 2, cores: 2, options: `{"cpu-affinity":"dry-run,per-task"}`, info: cores})
	expect(t, "exit", r.wait(), []int{0})
	expect(t, "log", b.logs(), "flux-shell[0]: cpu-affinity: cpus: 0-1\nflux-shell[0]: cpu-affinity: task 0: cpus: 0\nflux-shell[0]: cpu-affinity: task 1: cpus: 1\n")
}

func TestTaskmaps(t *testing.T) {
	for options, want := range map[string]string{
		`{"taskmap":{"scheme":"cyclic"}}`:                                 "[[0,2,1,2]]",
		`{"taskmap":{"scheme":"cyclic","value":"2"}}`:                     "[[0,2,2,1]]",
		`{"taskmap":{"scheme":"manual","value":"[[1,1,2,1],[0,1,2,1]]"}}`: "[[1,1,2,1],[0,1,2,1]]",
	} {
		b := newBrokers(t, 2)
		expect(t, "exit", b.run(testJob{command: []string{"true"}, tasks: 4, cores: 2, options: options}).wait(), []int{0, 0})
		expect(t, options, string(b.events("exec")[1].Context), `{"taskmap":{"version":1,"map":`+want+`}}`)
	}
}

func TestFilesAndMustache(t *testing.T) {
	b := newBrokers(t, 1)
	r := b.run(testJob{
		command: []string{"{{tmpdir}}/script", "{{id.dec}}", "{{name}}-{{nnodes}}-{{task.id}}-{{node.cores}}"},
		attrs:   map[string]string{"system.files": `{"script":{"mode":33216,"size":20,"encoding":"utf-8","data":"#!/bin/sh\necho $0 $@\n"}}`, "system.job.name": `"J"`},
		options: `{"env-expand":{"X":"{{id}}"}}`,
	})
	expect(t, "exit", r.wait(), []int{0})
	expect(t, "stdout", b.output("stdout")["0"], b.dir+"/jobtmp-0-"+testID.F58()+"/script "+testID.Dec()+" J-1-0-0\n$")
}

// The tasks of two shells exchange keys by PMI.
func TestPMIExchange(t *testing.T) {
	b := newBrokers(t, 2)
	script := `
say() { echo "$1" >&$PMI_FD; read -r answer <&$PMI_FD; }
say "cmd=init pmi_version=1 pmi_subversion=1"
say "cmd=put kvsname=x key=k$PMI_RANK value=from $PMI_RANK"
say "cmd=barrier_in"
say "cmd=get kvsname=x key=k$(( (PMI_RANK + 1) % PMI_SIZE ))"; echo "$answer"
say "cmd=get kvsname=x key=PMI_process_mapping"; echo "$answer"
say "cmd=get kvsname=x key=flux.instance-level"; echo "$answer"
say "cmd=finalize"`
	expect(t, "exit", b.run(testJob{command: []string{"bash", "-c", script}, tasks: 4, cores: 2}).wait(), []int{0, 0})
	got := b.output("stdout")
	for rank := range 4 {
		want := fmt.Sprintf("cmd=get_result rc=0 value=from %d\ncmd=get_result rc=0 value=(vector,(0,2,2))\ncmd=get_result rc=0 value=1\n$", (rank+1)%4)
		expect(t, fmt.Sprint("task ", rank), got[fmt.Sprint(rank)], want)
	}
}

func TestPMIOptions(t *testing.T) {
	b := newBrokers(t, 1)
	for _, bad := range []string{`{"nosuch":1}`, `{"exchange":{"nosuch":1}}`, `{"exchange":{"k":"x"}}`, `{"kvs":"nosuch"}`} {
		r := b.run(testJob{command: []string{"true"}, options: `{"pmi-simple":` + bad + `}`})
		if got := r.wait(); got[0] == 0 {
			t.Errorf("pmi-simple %s: exit %v", bad, got)
		}
	}
	for options, want := range map[string]string{
		`"kvs":"exchange","exchange":{"k":8},"nomap":1`: "exchange.k is more than the number of nodes: using k=1, all of them ask the first",
		`"exchange":{"k":1}`:                            "using k=1",
	} {
		b := newBrokers(t, 1)
		expect(t, "exit", b.run(testJob{command: []string{"true"}, options: `{"pmi-simple":{` + options + `}}`}).wait(), []int{0})
		expect(t, "log", b.logs(), "flux-shell[0]:  WARN: pmi-simple: "+want+"\n")
	}
}

func TestPMIAbort(t *testing.T) {
	b := newBrokers(t, 1)
	b.run(testJob{command: []string{"bash", "-c", `echo "cmd=abort exitcode=9 error_msg=too hot" >&$PMI_FD; read -r answer <&$PMI_FD; exit 9`}}).wait()
	if e := b.exceptions(); len(e) != 1 || e[0].Note != "PMI_Abort: too hot" {
		t.Errorf("exceptions %+v", e)
	}
}

func TestProctable(t *testing.T) {
	b := newBrokers(t, 2)
	r := b.run(testJob{command: []string{"cat"}, tasks: 2})
	b.waitStream("exec", "shell.start")
	var got procs
	if err := b.rpc(0, "proctable", struct{}{}).Decode(&got); err != nil {
		t.Fatal(err)
	}
	rows, err := unpack(&got)
	if err != nil || len(rows) != 2 || rows[1].rank != 1 || rows[1].program != "cat" || rows[0].id != 0 {
		t.Errorf("%+v, %v", rows, err)
	}
	b.rpc(0, "stdin", rpc.IO{Stream: "stdin", Rank: "all", EOF: true})
	expect(t, "exit", r.wait(), []int{0, 0})
}

func TestExecServer(t *testing.T) {
	b := newBrokers(t, 1)
	r := b.run(testJob{command: []string{"cat"}})
	b.waitStream("exec", "shell.start")
	b.request(0, "rexec.exec", rpc.RexecExec{Cmd: &rpc.Command{Cmdline: sh("echo $FLUX_JOB_ID")}, Flags: 3}, message.FlagStreaming)
	out := ""
	for {
		m := b.response()
		if err := m.Err(); err != nil {
			expect(t, "end", message.Errno(err), syscall.ENODATA)
			break
		}
		var e rpc.RexecEvent
		if err := m.Decode(&e); err != nil {
			t.Fatal(err)
		}
		if e.IO != nil {
			out += e.IO.Data
		}
	}
	expect(t, "output", out, testID.F58()+"\n")
	b.rpc(0, "stdin", rpc.IO{Stream: "stdin", Rank: "all", EOF: true})
	expect(t, "exit", r.wait(), []int{0})
}

// With --reconnect the tasks go on while the broker is away, and what they
// have to say gets there.
func TestReconnect(t *testing.T) {
	t.Setenv("SHELL_TEST_RECONNECT", "1")
	b := newBrokers(t, 1)
	r := b.run(testJob{command: sh("echo before; while ! test -e go; do sleep 0.02; done; echo after")})
	b.waitStream("output", "before")
	b.down(0)
	if err := os.WriteFile(filepath.Join(b.dir, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(b.path(0))
	b.up(0)
	expect(t, "exit", r.wait(), []int{0})
	expect(t, "stdout", b.output("stdout")["0"], "before\nafter\n$")
}

func TestBrokerLost(t *testing.T) {
	b := newBrokers(t, 1)
	r := b.run(testJob{command: sh("echo up; exec sleep 1000")})
	b.waitStream("output", "up")
	b.down(0)
	expect(t, "exit", r.wait(), []int{1})
}

// An instance that has been removed will never ask for the job.
func TestInstanceRemoved(t *testing.T) {
	t.Setenv("SHELL_TEST_RECONNECT", "1")
	b := newBrokers(t, 1)
	r := b.run(testJob{command: sh("echo up; exec sleep 1000")})
	b.waitStream("output", "up")
	b.down(0)
	for _, path := range r.infos {
		if err := os.RemoveAll(filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, "exit", r.wait(), []int{1})
}

// rc writes an initrc and returns the option that names it.
func rc(t *testing.T, b *brokers, text string) string {
	t.Helper()
	path := filepath.Join(b.dir, "rc.lua")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return `{"initrc":"` + path + `","verbose":1,"nest":{"a":[1,"x"]}}`
}

func TestLua(t *testing.T) {
	b := newBrokers(t, 1)
	r := b.run(testJob{command: sh("echo $A $B $C $FLUX_TASK_RANK; ulimit -c"), tasks: 2, cores: 2, env: map[string]string{"C": "3", "XA": "1", "XB": "2"}, options: rc(t, b, `
shell.setenv ("A", "a")
shell.setenv ("A", "other", false)
shell.prepend_path ("PATH", "/srv/x")
shell.env_strip ("^X[A-Z]$")
assert (shell.getenv ("XA") == nil and shell.getenv ().C == "3")
assert (shell.info.ntasks == 2 and shell.info.jobspec.version == 1 and shell.info.R.version == 1)
assert (shell.rankinfo.resources.cores == "0-1" and shell.get_rankinfo (0).name == "host0")
assert (shell.options.nest.a[2] == "x" and shell.options.none == nil)
shell.options.rlimit = { core = 0 }
source_if_exists "/nonexistent"
plugin.register { name = "p", handlers = {
  { topic = "task.init", fn = function () task.setenv ("B", task.info.rank + 10); task.unsetenv ("C") end },
  { topic = "shell.*", fn = function (topic) shell.log ("saw " .. topic) end },
}}`)})
	if codes := r.wait(); codes[0] != 0 {
		t.Fatalf("exit %v, exceptions %+v %s", codes, b.exceptions(), b.logs())
	}
	expect(t, "stdout", b.output("stdout"), map[string]string{"0": "a 10 0\n0\n$", "1": "a 11 1\n0\n$"})
	for _, topic := range []string{"shell.init", "shell.start", "shell.finish", "shell.tasks-complete"} {
		if !strings.Contains(b.logs(), "saw "+topic+"\n") {
			t.Errorf("%s was not called:\n%s", topic, b.logs())
		}
	}
}

func TestLuaErrors(t *testing.T) {
	for text, want := range map[string]string{
		"=":                    "unexpected symbol near '='",
		"plugin.register {}":   "required handlers table missing",
		"shell.getenv = 1":     "attempt to set read-only field shell.getenv",
		"print (task.info)":    "attempt to access task outside of task context",
		"source 'foo'":         "source foo: No such file or directory",
		"plugin.load 'x.so'":   "x.so: File not found",
		"plugin.load (true)":   "plugin.load: invalid argument",
		"shell.die ('enough')": "enough",
		"local t = {}; t[1] = t; shell.options.x = t":                                                        "deep",
		"plugin.register { name = 'no', handlers = { { topic = '*', fn = function () return false end } } }": "plugin 'no': shell.init failed",
	} {
		b := newBrokers(t, 1)
		expect(t, text, b.run(testJob{command: []string{"true"}, options: rc(t, b, text)}).wait(), []int{1})
		if e := b.exceptions(); len(e) != 1 || !strings.Contains(e[0].Note, want) {
			t.Errorf("%s: exceptions %+v, want %q", text, e, want)
		}
		if !strings.Contains(b.logs(), want) || !strings.HasPrefix(b.names("output"), "header log") {
			t.Errorf("%s: output %s, log %s", text, b.names("output"), b.logs())
		}
	}
}

func TestOthersAreRefused(t *testing.T) {
	b := newBrokers(t, 1)
	r := b.run(testJob{command: []string{"cat"}})
	name := fmt.Sprintf("%d-shell-%s", os.Getuid(), testID.F58ASCII())
	b.waitStream("exec", "shell.start")
	b.mu.Lock()
	m := message.NewRequest(name+".stdin", 0, rpc.IO{Stream: "stdin", Rank: "all", EOF: true})
	m.Matchtag = 9
	m.Cred = message.Cred{UserID: b.owner + 1, Rolemask: message.RoleUser}
	b.send(b.services["0/"+name], m.PushRoute("test"))
	b.mu.Unlock()
	if err := b.response().Err(); message.Errno(err) != syscall.EPERM {
		t.Errorf("a stranger's request: %v", err)
	}
	b.rpc(0, "stdin", rpc.IO{Stream: "stdin", Rank: "all", EOF: true})
	expect(t, "exit", r.wait(), []int{0})
}
