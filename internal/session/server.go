// SPDX-License-Identifier: LGPL-3.0-or-later

package session

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"goflux/internal/link"
	"goflux/internal/message"
)

// server is the control socket: it speaks to clients as a broker does.
type server struct {
	s  *Session
	ln *net.UnixListener

	mu      sync.Mutex
	streams map[*link.Stream]struct{}
}

func listen(s *Session, path string) (*server, error) {
	_ = os.Remove(path) // left by a session that was killed
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	srv := &server{s: s, ln: ln, streams: map[*link.Stream]struct{}{}}
	go srv.accept()
	return srv, nil
}

func (srv *server) close() {
	srv.ln.Close()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for st := range srv.streams {
		st.Abort()
	}
}

func (srv *server) accept() {
	for {
		nc, err := srv.ln.AcceptUnix()
		if err != nil {
			return
		}
		go srv.serve(nc)
	}
}

// serve answers one client; it must belong to the same user.
func (srv *server) serve(nc *net.UnixConn) {
	uid, err := link.PeerUID(nc)
	if err != nil || int(uid) != os.Getuid() {
		_, _ = nc.Write([]byte{byte(syscall.EPERM)})
		nc.Close()
		return
	}
	if _, err := nc.Write([]byte{0}); err != nil {
		nc.Close()
		return
	}
	st := link.NewStream(nc, 0)
	srv.mu.Lock()
	srv.streams[st] = struct{}{}
	srv.mu.Unlock()
	id := newID()
	srv.chat("hi from %s", id)
	for {
		m, err := st.Recv()
		if err != nil {
			break
		}
		if m.Type == message.TypeRequest {
			m.Cred = message.Cred{UserID: uid, Rolemask: message.RoleOwner} // clients take no answer without
			srv.request(st, m)
		}
	}
	srv.chat("bye from %s", id)
	srv.chat("disconnect from %s", id)
	srv.mu.Lock()
	delete(srv.streams, st)
	srv.mu.Unlock()
	st.Close()
}

func (srv *server) chat(format, id string) {
	if srv.s.opt.Verbose >= 1 {
		srv.s.opt.Log(fmt.Sprintf(format, id))
	}
}

func newID() string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])[:5]
}

// target is the request of all methods but status.
type target struct {
	Rank   int `json:"rank"`
	Signum int `json:"signum"`
}

// request serves start.*.
func (srv *server) request(st *link.Stream, m *message.Message) {
	answer := func(payload any, err error) {
		if m.Is(message.FlagNoResponse) {
			return
		}
		r := m.Response()
		if err != nil {
			r = m.ErrorResponse(err)
		} else {
			r.SetValue(payload)
		}
		_ = st.Send(r) // a client that is gone is noticed by its reader
	}
	if m.Topic == "start.status" {
		answer(srv.s.status(), nil)
		return
	}
	var t target
	if err := m.Decode(&t); err != nil {
		answer(nil, err)
		return
	}
	s := srv.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.Rank < 0 || t.Rank >= len(s.brokers) {
		answer(nil, syscall.ESRCH)
		return
	}
	b := s.brokers[t.Rank]
	switch m.Topic {
	case "start.kill":
		answer(nil, b.signal(syscall.Signal(t.Signum)))
	case "start.run":
		answer(nil, s.start(b))
	case "start.wait":
		b.wait(answer)
	default:
		answer(nil, syscall.ENOSYS)
	}
}

// signal signals a broker; one that does not run has had its signal.
func (b *process) signal(sig syscall.Signal) error {
	if b.cmd == nil {
		return nil
	}
	return b.cmd.Process.Signal(sig)
}

func (b *process) wait(answer func(any, error)) {
	done := func(code int) { answer(map[string]int{"exit_rc": code}, nil) }
	switch {
	case b.waiter != nil:
		answer(nil, syscall.EEXIST)
	case b.cmd == nil:
		done(b.code)
	default:
		b.waiter = done
	}
}

func (s *Session) status() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	procs := []map[string]int{}
	for _, b := range s.brokers {
		pid := -1
		if b.cmd != nil {
			pid = b.cmd.Process.Pid
		}
		procs = append(procs, map[string]int{"pid": pid})
	}
	return map[string]any{"procs": procs}
}
