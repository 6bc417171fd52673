// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"goflux/eventlog"
	"goflux/jobid"
)

// play is a session whose effects are noted, with everything it prints, as
// lines.
type play struct {
	*Session
	out, err bytes.Buffer
	did      []string
}

func newPlay(change func(*Options)) *play {
	p := &play{}
	o := Defaults(jobid.ID(1234), "ƒ1")
	if change != nil {
		change(&o)
	}
	p.Session = New(o, &p.out, &p.err, p)
	p.Start()
	return p
}

func (p *play) note(format string, args ...any) { p.did = append(p.did, fmt.Sprintf(format, args...)) }

func (p *play) Watch(path string, sentinel bool) {
	if p.note("watch %s", path); sentinel {
		p.did[len(p.did)-1] += " sentinel"
	}
}
func (p *play) Unwatch(path string)     { p.note("unwatch %s", path) }
func (p *play) ReadStdin()              { p.note("read stdin") }
func (p *play) StdinWaits() bool        { p.note("look at stdin"); return true }
func (p *play) StopStdin()              { p.note("stop stdin") }
func (p *play) Kill(signum int)         { p.note("kill %d", signum) }
func (p *play) Cancel(note string)      { p.note("cancel %s", note) }
func (p *play) CatchSuspend(catch bool) { p.note("catch suspend %v", catch) }
func (p *play) DropPty()                { p.note("drop pty") }
func (p *play) AskQueue()               { p.note("ask queue") }
func (p *play) AskQueueStatus(q string) { p.note("ask status of %s", q) }
func (p *play) Flush()                  {}
func (p *play) Width() int              { return 60 }
func (p *play) AttachPty(s Shell, service string) {
	p.note("attach pty %s on %d", service, s.Rank)
}
func (p *play) Send(s Shell, ranks string, data []byte) {
	p.note("send %q to %s of %s on %d", data, ranks, s.Service, s.Rank)
}

// entries feeds a log, a line an entry: "TIME NAME [CONTEXT]"; END is its end.
func (p *play) entries(t *testing.T, path, lines string) *play {
	t.Helper()
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if line == "END" {
			p.End(path, nil)
			continue
		}
		f := strings.SplitN(line, " ", 3)
		text := fmt.Sprintf(`{"timestamp":%s,"name":%q`, f[0], f[1])
		if len(f) > 2 {
			text += `,"context":` + f[2]
		}
		e, err := eventlog.ParseEntry([]byte(text + "}"))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		p.Entry(path, e)
	}
	return p
}

func (p *play) expect(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (want -, got +):\n%s", what, diff)
	}
}

// result checks how the session ended.
func (p *play) result(t *testing.T, exit int, failure string) {
	t.Helper()
	if !p.Done() {
		t.Fatalf("it goes on; did %q, said %q", p.did, p.err.String())
	}
	got, err := p.Result()
	text := ""
	if err != nil {
		text = err.Error()
	}
	if got != exit || text != failure {
		t.Errorf("result %d, %q, want %d, %q", got, text, exit, failure)
	}
}

const start = `
	100 submit {"userid":1,"urgency":16,"flags":0,"version":1}
	100.1 validate
	100.2 depend
	100.3 priority {"priority":16}
	100.4 alloc
	100.5 start`

const shellStart = `
	100.6 init
	100.7 shell.init {"service":"1-shell-f1","leader-rank":3,"size":2}
	100.8 shell.start {"taskmap":{"version":1,"map":[[0,2,2,1]]}}`

const header = `
	100.9 header {"version":1,"encoding":{"stdout":"UTF-8","stderr":"UTF-8"},"count":{"stdout":4,"stderr":4},"options":{}}`

// TestLife is a whole job.
func TestLife(t *testing.T) {
	p := newPlay(nil)
	p.entries(t, mainLog, start)
	p.entries(t, execLog, shellStart)
	p.entries(t, outputLog, header+`
		101 data {"stream":"stdout","rank":"0","data":"hello\n"}
		101 data {"stream":"stderr","rank":"1","data":"oops\n"}
		101 data {"stream":"stdout","rank":"2","data":"AAH/","encoding":"base64"}
		101 data {"stream":"stdout","rank":"[0-1]","data":"=","repeat":3}
		101 redirect {"stream":"stderr","rank":"3","path":"err.txt"}
		101 data {"stream":"stdout","rank":"0","eof":true}
		END`)
	p.entries(t, execLog, "102 complete {\"status\":0}\n102 done\nEND")
	p.Stdin([]byte("in"))
	p.Sent(nil)
	p.Stdin(nil)
	if p.Done() {
		t.Fatal("ended before the job")
	}
	p.entries(t, mainLog, `
		103 finish {"status":0}
		103 clean`)
	p.result(t, 0, "")
	p.expect(t, "output", p.out.String(), "hello\n\x00\x01\xff===")
	p.expect(t, "messages", p.err.String(), "oops\n3: stderr redirected to err.txt\n")
	p.expect(t, "effects", p.did, []string{
		"watch eventlog", "watch guest.exec.eventlog", "watch guest.output", "read stdin",
		`send "in" to all of 1-shell-f1 on 3`, `send "" to all of 1-shell-f1 on 3`,
		"unwatch eventlog", "stop stdin",
	})
}

func TestExit(t *testing.T) {
	for wait, want := range map[int]struct {
		exit int
		text string
	}{
		0:        {0, ""},
		3 << 8:   {3, "flux-job: task(s) exited with exit code 3\n"},
		143 << 8: {143, "flux-job: task(s) Terminated\n"},
		9:        {137, "flux-job: job shell Killed\n"},
	} {
		p := newPlay(nil).entries(t, mainLog, start+fmt.Sprintf("\n101 finish {\"status\":%d}\n101 clean", wait))
		p.End(execLog, nil)
		p.result(t, want.exit, "")
		p.expect(t, "messages", p.err.String(), want.text)
	}
}

func TestExceptions(t *testing.T) {
	p := newPlay(nil).entries(t, mainLog, `
		100 submit {"userid":1}
		100.25 exception {"type":"foo","severity":7,"note":"a note","userid":1}
		101 exception {"type":"cancel","severity":0,"note":"","userid":1}
		101 clean`)
	p.End(execLog, syscall.ENOENT)
	p.result(t, 1, "")
	p.expect(t, "messages", p.err.String(),
		"0.250s: job.exception ƒ1 type=foo severity=7 a note\n1.000s: job.exception ƒ1 type=cancel severity=0 \n")
}

// TestFatalStopsStdin: data that nobody will take is not sent.
func TestFatalStopsStdin(t *testing.T) {
	p := newPlay(nil).entries(t, mainLog, start)
	p.entries(t, execLog, shellStart)
	p.did = nil
	p.entries(t, mainLog, `101 exception {"type":"exec","severity":0,"note":"x"}`)
	p.expect(t, "effects", p.did, []string{"stop stdin"})
	p.Sent(syscall.ENOSYS)
	if p.Done() {
		t.Error("ended by standard input")
	}
}

func TestStdinErrors(t *testing.T) {
	for name, c := range map[string]struct {
		data    string
		err     error
		failure string
	}{
		"not wanted, none": {"", syscall.ENOSYS, ""},
		"not wanted, some": {"x", syscall.ENOSYS, "stdin not accepted by job"},
		"closed":           {"x", syscall.EPIPE, "stdin: Broken pipe"},
		"too much":         {"x", syscall.ENOSPC, ""},
	} {
		p := newPlay(nil).entries(t, mainLog, start)
		p.entries(t, execLog, shellStart)
		p.Stdin([]byte(c.data))
		p.Sent(c.err)
		if p.Done() != (c.failure != "") {
			t.Errorf("%s: done is %v", name, p.Done())
		} else if c.failure != "" {
			p.result(t, 1, c.failure)
		}
	}
}

func TestStdinOfEndedJob(t *testing.T) {
	for _, justMade := range []bool{false, true} {
		p := newPlay(func(o *Options) { o.New = justMade })
		p.entries(t, mainLog, start).entries(t, mainLog, `102 finish {"status":0}`)
		p.entries(t, execLog, shellStart)
		if justMade {
			p.Stdin([]byte("x"))
			p.Sent(syscall.ENOSYS)
		}
		for _, log := range []string{mainLog, execLog, outputLog} {
			p.End(log, nil)
		}
		if justMade {
			p.result(t, 0, "")
		} else {
			p.result(t, 1, "stdin not accepted by job")
		}
	}
}

func TestStdinRanks(t *testing.T) {
	p := newPlay(func(o *Options) { o.StdinRanks = "1-9" }).entries(t, mainLog, start)
	p.entries(t, execLog, shellStart)
	p.Stdin([]byte("x"))
	p.expect(t, "messages", p.err.String(), "flux-job: warning: adjusting --stdin-ranks from 1-9 to 1-3\n")
	p.expect(t, "effects", p.did[3:], []string{
		`send "" to 0 of 1-shell-f1 on 3`, "read stdin", `send "x" to 1-3 of 1-shell-f1 on 3`,
	})
}

func TestReadOnly(t *testing.T) {
	p := newPlay(func(o *Options) { o.ReadOnly = true }).entries(t, mainLog, start)
	p.entries(t, execLog, shellStart)
	for _, d := range p.did {
		if strings.Contains(d, "stdin") {
			t.Error(d)
		}
	}
	p.entries(t, execLog, `101 shell.init {"service":"s","leader-rank":0,"size":1,"pty":"terminus.0"}`)
	p.result(t, 1, "Cannot connect to pty in readonly mode")
}

func TestTail(t *testing.T) {
	p := newPlay(func(o *Options) { o.Tail = 2 }).entries(t, mainLog, start)
	p.entries(t, execLog, shellStart)
	line := func(text string) string {
		return fmt.Sprintf("\n101 data {\"stream\":\"stdout\",\"rank\":\"0\",\"data\":\"%s\\n\"}", text)
	}
	p.entries(t, outputLog, header+line("a")+line("b")+line("c")+"\n101 data {\"stream\":\"stdout\",\"rank\":\"0\",\"eof\":true}")
	p.expect(t, "early output", p.out.String(), "")
	p.Sentinel()
	p.entries(t, outputLog, line("d"))
	p.expect(t, "output", p.out.String(), "b\nc\nd\n")
	p.expect(t, "watch", p.did[2], "watch guest.output sentinel")
}

func TestLabelsAndEvents(t *testing.T) {
	p := newPlay(func(o *Options) { o.LabelIO, o.ShowEvents, o.ShowExec, o.Verbose = true, true, true, true })
	p.entries(t, mainLog, "100 submit {\"userid\":1}\n100.5 start")
	p.entries(t, execLog, `100.75 init
		101 log {"rank":"0","component":"exec","stream":"stderr","data":"text\n"}
		101 complete {"status":0}`)
	p.entries(t, outputLog, header+`
		101 data {"stream":"stdout","rank":"7","data":"x\n"}
		102 log {"rank":0,"level":0,"message":"no","file":"a.c","line":7,"component":"comp"}
		102 log {"level":5,"message":"notice"}`)
	p.expect(t, "output", p.out.String(), "7: x\n")
	p.expect(t, "messages", p.err.String(), `0.000s: job.submit {"userid":1}
0.500s: job.start
0.750s: exec.init
1.000s: exec[0]: stderr: text
1.000s: exec.complete {"status":0}
2.000s: flux-shell[0]: FATAL: comp: a.c:7: no
2.000s: flux-shell: notice
`)
}

func TestFailures(t *testing.T) {
	for path, c := range map[string]map[error]string{
		mainLog:   {syscall.ENOENT: "Failed to attach to ƒ1: No such job", syscall.EPERM: "Failed to attach to ƒ1: that is not your job", errors.New("x"): "eventlog: x"},
		execLog:   {syscall.EPERM: "guest.exec.eventlog: Operation not permitted"},
		outputLog: {syscall.EIO: "guest.output: Input/output error"},
	} {
		for err, want := range c {
			p := newPlay(nil).entries(t, mainLog, start)
			p.End(path, err)
			p.result(t, 1, want)
		}
	}
	p := newPlay(nil).entries(t, mainLog, start)
	p.entries(t, outputLog, `101 data {"stream":"stdout","rank":"0","data":"x"}`)
	p.result(t, 1, "stream data read before header")
}

func TestSignals(t *testing.T) {
	now := time.Unix(1000, 0)
	p := newPlay(nil).entries(t, mainLog, start)
	p.did = nil
	p.Signal(syscall.SIGTERM, now)
	p.Signal(syscall.SIGINT, now)
	p.Signal(syscall.SIGINT, now.Add(3*time.Second))
	p.Signal(syscall.SIGINT, now.Add(4*time.Second))
	p.Signal(syscall.SIGTSTP, now.Add(9*time.Second))
	p.expect(t, "effects", p.did, []string{
		"kill 15", "catch suspend true", "catch suspend true", "cancel interrupted by ctrl-C", "catch suspend false",
	})
	p.did = nil
	p.Signal(syscall.SIGINT, now.Add(20*time.Second))
	p.Signal(syscall.SIGTSTP, now.Add(21*time.Second))
	if len(p.did) != 3 || !strings.HasPrefix(p.did[2], "unwatch") {
		t.Error(p.did)
	}
	p.End(mainLog, nil)
	p.End(execLog, nil)
	p.result(t, 1, "")
}

func TestWaitEvent(t *testing.T) {
	p := newPlay(func(o *Options) { o.WaitEvent = "start" }).entries(t, mainLog, start)
	p.End(execLog, nil)
	p.result(t, 1, "")
}

func TestPty(t *testing.T) {
	begin := func() *play {
		p := newPlay(nil).entries(t, mainLog, start)
		p.did = nil
		return p.entries(t, execLog, `101 shell.init {"service":"s","leader-rank":2,"size":1,"pty":"terminus.0","capture":1}`)
	}
	p := begin()
	p.expect(t, "effects", p.did, []string{"watch guest.output", "attach pty s.terminus.0 on 2"})
	p.PtyAttached()
	p.entries(t, outputLog, header+"\n101 data {\"stream\":\"stdout\",\"rank\":\"0\",\"data\":\"seen already\"}")
	p.expect(t, "output", p.out.String(), "")
	p.PtyEnd(3 << 8)
	p.result(t, 1, "")

	p = begin()
	p.PtyEnd(1 << 8) // never attached: as a job without
	p.entries(t, outputLog, header+"\n101 data {\"stream\":\"stdout\",\"rank\":\"0\",\"data\":\"x\"}")
	p.expect(t, "output", p.out.String(), "x")
	p.expect(t, "effects", p.did[2:], []string{"read stdin"})

	p = begin()
	p.entries(t, mainLog, `101 finish {"status":0}`)
	p.expect(t, "effects", p.did[2:], []string{"drop pty"})
}

func TestStatusLine(t *testing.T) {
	p := newPlay(func(o *Options) { o.ShowStatus = true; o.Name = "f1" })
	p.entries(t, mainLog, "100 submit {}\n100 validate\n100 depend\n100 priority {\"priority\":1}")
	p.Queue("")
	p.Tick(101)
	p.QueueStatus(false)
	p.Tick(165.5)
	p.Tick(166)
	p.entries(t, mainLog, `
		167 prolog-start {}
		167 prolog-start {}
		168 prolog-finish {}
		168 prolog-finish {}
		169 start`)
	if !p.StatusOver() {
		t.Error("it goes on after the start")
	}
	var lines []string
	for line := range strings.SplitSeq(p.err.String(), "\r") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, strings.TrimPrefix(line, "flux-job: f1 "))
		}
	}
	p.expect(t, "lines", lines, []string{
		"submitted 00:00:00", "resolving dependencies 00:00:00", "waiting for priority assignment 00:00:00",
		"waiting for resources 00:00:00", "waiting for resources 00:00:01",
		"waiting for resources (default queue stopped) 00:01:05",
		"waiting for resources (default queue stopped) 00:01:06",
		"waiting for prolog 00:01:07", "waiting for prolog 00:01:07", "waiting for prolog 00:01:08",
		"starting 00:01:08", "started 00:01:09",
	})
	asked := 0
	for _, d := range p.did {
		if d == "ask status of default" {
			asked++
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times about the queue: %q", asked, p.did)
	}
}
