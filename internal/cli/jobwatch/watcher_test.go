// SPDX-License-Identifier: LGPL-3.0-or-later

package jobwatch

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"goflux/flux"
	"goflux/internal/link"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/jobid"
)

// logs are what a broker answers: by job and path, entries as "TIME NAME
// [CONTEXT]". A log that is not there does not exist; "..." leaves one open.
type logs map[string]string

// serve is a broker that knows event logs alone; it returns a client of it.
func serve(t *testing.T, all logs) *flux.Client {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[0]), "broker")
	nc, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := nc.Write([]byte{0}); err != nil { // the welcome
		t.Fatal(err)
	}
	broker := link.NewStream(nc, 0)
	go func() {
		for {
			m, err := broker.Recv()
			if err != nil {
				return
			}
			answer(broker, m, all)
		}
	}()
	c, err := flux.Open(t.Context(), fmt.Sprintf("fd://%d", fds[1]))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		broker.Close()
	})
	return c
}

func answer(broker *link.Stream, m *message.Message, all logs) {
	var req rpc.JobInfoWatch
	if m.Topic != "job-info.eventlog-watch" || m.Decode(&req) != nil {
		return
	}
	text, ok := all[fmt.Sprintf("%d %s", req.ID, req.Path)]
	if !ok {
		_ = broker.SendWait(m.ErrorResponse(syscall.ENOENT))
		return
	}
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if f[0] == "..." {
			return
		}
		event := fmt.Sprintf(`{"timestamp":%s,"name":%q`, f[0], f[1])
		if len(f) > 2 {
			event += `,"context":` + f[2]
		}
		r := m.Response()
		r.SetValue(&rpc.JobInfoEvent{Event: event + "}\n"})
		_ = broker.SendWait(r)
	}
	_ = broker.SendWait(m.ErrorResponse(syscall.ENODATA))
}

// watch runs a watcher over jobs 1 to n.
func watch(t *testing.T, all logs, n int, o Options, wait string) (exit int, out, errOut string, w *Watcher) {
	t.Helper()
	var o1, e1 bytes.Buffer
	w = New(context.Background(), serve(t, all), o)
	for id := 1; id <= n; id++ {
		w.Add(Job{ID: jobid.ID(id), Name: fmt.Sprintf("f%d", id), Submitted: 100, Wait: wait, Out: &o1, Err: &e1})
	}
	exit = w.Run()
	return exit, o1.String(), e1.String(), w
}

const life = "100 submit\n101 alloc\n102 start\n103 finish {\"status\":%d}\n104 clean\n"

func TestExitIsTheWorst(t *testing.T) {
	all := logs{}
	for id, status := range map[int]int{1: 0, 2: 3 << 8, 3: 15} {
		all[fmt.Sprintf("%d eventlog", id)] = fmt.Sprintf(life, status)
	}
	exit, _, _, w := watch(t, all, 3, Options{}, "")
	if exit != 143 {
		t.Errorf("exit %d, want 143", exit)
	}
	if n := w.Counts(); n != (Counts{0, 0, 1, 2}) || w.Done() != 3 || w.Total() != 3 {
		t.Errorf("counts %v, %d of %d done", n, w.Done(), w.Total())
	}
}

func TestOutput(t *testing.T) {
	all := logs{
		"1 eventlog":            fmt.Sprintf(life, 0),
		"1 guest.exec.eventlog": "102 init\n102 shell.init {\"service\":\"s\"}\n102 done\n",
		"1 guest.output": `102 header {"version":1}
			102 data {"stream":"stdout","rank":"0","data":"a\nb\n"}
			102 data {"stream":"stderr","rank":"1","data":"c"}
			102 data {"stream":"stdout","rank":"0","eof":true}
			102 redirect {"stream":"stdout","rank":"2","path":"f"}
			102 log {"rank":0,"level":3,"message":"m"}`,
	}
	exit, out, errOut, _ := watch(t, all, 1, Options{Watch: true}, "")
	if exit != 0 || out != "a\nb\n" || errOut != "c2: stdout redirected to f\nflux-shell[0]: ERROR: m\n" {
		t.Errorf("%d, %q, %q", exit, out, errOut)
	}
	_, out, errOut, _ = watch(t, all, 1, Options{Watch: true, LabelIO: true}, "")
	if out != "f1: 0: a\nf1: 0: b\n" || errOut != "f1: 1: c\nf1: 2: stdout redirected to f\nf1: flux-shell[0]: ERROR: m\n" {
		t.Errorf("%q, %q", out, errOut)
	}
}

func TestEvents(t *testing.T) {
	all := logs{"1 eventlog": "100.5 submit {\"b\":1,\"a\":2}\n101 finish {\"status\":256}\n102 clean\n"}
	exit, _, errOut, _ := watch(t, all, 1, Options{LogEvents: true, LogStatus: true}, "")
	want := "f1: 0.500s: submit {\"a\":2,\"b\":1}\nf1: 1.000s: finish {\"status\":256}\nf1: 1.000s: failed: status=256\nf1: 2.000s: clean \n"
	if exit != 1 || errOut != want {
		t.Errorf("%d, %q, want %q", exit, errOut, want)
	}
}

func TestExceptionBeforeStart(t *testing.T) {
	all := logs{"1 eventlog": "100 submit\n100 exception {\"type\":\"alloc\",\"severity\":0,\"note\":\"no\"}\n100 clean\n"}
	exit, _, errOut, w := watch(t, all, 1, Options{}, "")
	if exit != 1 || errOut != "job.exception: type=alloc severity=0 no\n" || w.Counts()[Failed] != 1 {
		t.Errorf("%d, %q, %v", exit, errOut, w.Counts())
	}
}

func TestWaitForEvents(t *testing.T) {
	all := logs{
		"1 eventlog":            "100 submit\n101 alloc\n102 start\n...\n",
		"1 guest.exec.eventlog": "102 init\n102 shell.init\n...\n",
	}
	for _, event := range []string{"start", "exec.shell.init"} {
		exit, _, _, w := watch(t, all, 1, Options{}, event)
		if exit != 0 || w.Done() != 1 {
			t.Errorf("%s: %d, %d done", event, exit, w.Done())
		}
	}
}

func TestUnknownJob(t *testing.T) {
	exit, _, errOut, _ := watch(t, logs{}, 1, Options{}, "")
	if exit != 1 || errOut != "f1: No such file or directory\n" {
		t.Errorf("%d, %q", exit, errOut)
	}
}

// TestHold: jobs may be added while others are watched.
func TestHold(t *testing.T) {
	w := New(context.Background(), serve(t, logs{"1 eventlog": fmt.Sprintf(life, 0)}), Options{})
	w.Hold()
	var b bytes.Buffer
	go w.Post(func() {
		w.Add(Job{ID: 1, Name: "f1", Out: &b, Err: &b})
		w.Release()
	})
	if exit := w.Run(); exit != 0 || w.Done() != 1 {
		t.Errorf("%d, %d done", exit, w.Done())
	}
	w = New(context.Background(), serve(t, nil), Options{})
	w.Hold()
	go w.Post(w.Stop)
	w.Run() // ends, though it is held
}
