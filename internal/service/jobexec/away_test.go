// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"io"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"goflux/internal/message"
	"goflux/internal/service"
	"goflux/rset"
)

// clockHost is a host with a clock that is set by hand; what is sent is dropped.
type clockHost struct {
	service.Host
	now    time.Time
	method string // broker.boot-method
}

func (h *clockHost) Now() time.Time                                                   { return h.now }
func (h *clockHost) Log() *slog.Logger                                                { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
func (h *clockHost) Attr(string) (string, bool)                                       { return h.method, true }
func (h *clockHost) Request(service.Request, func(*message.Message)) *service.Pending { return nil }

// A node that was there may be away for a while where brokers return, nowhere
// else, and not when its job is over anyway.
func TestNodeMayReturn(t *testing.T) {
	r, err := rset.Parse([]byte(`{"version":1,"execution":{"R_lite":[{"rank":"0-1","children":{"core":"0"}}],"nodelist":["n[0-1]"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	h := &clockHost{now: time.Unix(1000, 0), method: "config"}
	e := &exec{h: h, conf: config{nodeReturn: nodeReturn}}
	j := &job{id: 1, r: r}
	sh := &shell{rank: 1, shellRank: 1, pid: 42}
	gone, missing, other := error(syscall.EHOSTUNREACH), error(syscall.ENOSYS), error(syscall.EPERM)
	if e.awaited(j, sh, other) || e.awaited(j, &shell{rank: 1}, missing) {
		t.Error("a failure that is no absence is waited for")
	}
	if !e.awaited(j, sh, gone) || sh.away != h.now {
		t.Error("a node is lost at once")
	}
	h.now = h.now.Add(2 * nodeReturn) // the leader was stopped, or its clock set
	for i := time.Duration(2); i < nodeReturn/relaunchPause; i++ {
		if err := []error{gone, missing}[i%2]; !e.awaited(j, sh, err) {
			t.Fatalf("a node is lost after %d attempts", i)
		}
	}
	if e.awaited(j, sh, gone) {
		t.Error("a node is waited for too long")
	}
	if e.awaited(&job{r: r, fatal: true}, &shell{pid: 1}, gone) {
		t.Error("a job that is ending waits for a node")
	}
	h.method = "simple"
	if e.awaited(j, &shell{pid: 1}, gone) {
		t.Error("a node is waited for whose broker nobody starts")
	}
	e.began = h.now
	if !e.awaited(j, &shell{}, gone) {
		t.Error("after a restart, a node has no time to come")
	}
}
