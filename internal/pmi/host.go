// SPDX-License-Identifier: LGPL-3.0-or-later

package pmi

import (
	"bufio"
	"errors"
	"io"
	"sync"
	"time"
)

// writeWait is how long a client may leave a reply unread. Clients are in
// lock-step with the server, so a reply always fits the socket's buffer and a
// client that needs this long has broken the protocol.
const writeWait = 10 * time.Second

// Hooks are what a [Host] does besides answering. Any may be nil. They are
// called from the goroutines that serve the clients, one at a time.
type Hooks struct {
	// Exchange brings puts to the program's other servers and theirs here;
	// done may be called from anywhere, once. Without it the program has no
	// other servers.
	Exchange func(puts map[string]string, done func(all map[string]string, err error))
	// Abort ends the program. Message may be empty.
	Abort func(Abort)
	Warn  func(text string)
	// Trace sees each line: dir is 'C' for the client's, 'S' for the server's.
	Trace func(rank int, dir byte, line string)
}

// Host runs a server over connections, one for each local process.
type Host struct {
	hooks Hooks

	mu     sync.Mutex
	server *Server
	conns  map[int]io.Writer
}

// NewHost returns the host of a server.
func NewHost(s *Server, h Hooks) *Host {
	return &Host{hooks: h, server: s, conns: map[int]io.Writer{}}
}

// Serve answers the process of a rank until it closes the connection, and then
// closes our end. A [*ProtocolError] means that the program should be ended.
func (h *Host) Serve(rank int, conn io.ReadWriteCloser) error {
	defer conn.Close()
	h.mu.Lock()
	h.conns[rank] = conn
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.conns, rank)
	}()
	r := bufio.NewReaderSize(conn, MaxLine)
	for {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return &ProtocolError{rank, string(line)}
		case err != nil:
			return nil // the process is gone or has no more to say
		}
		if err := h.line(rank, string(line)); err != nil {
			return err
		}
	}
}

func (h *Host) line(rank int, line string) error {
	h.trace(rank, 'C', line)
	h.mu.Lock()
	effects, err := h.server.Line(rank, line)
	h.mu.Unlock()
	if err != nil {
		return err
	}
	h.perform(effects)
	return nil
}

// perform carries effects out, without the lock: a write may wait.
func (h *Host) perform(effects []Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case Reply:
			h.reply(e)
		case Enter:
			h.enter(e)
		case Abort:
			if h.hooks.Abort != nil {
				h.hooks.Abort(e)
			}
		case Warning:
			if h.hooks.Warn != nil {
				h.hooks.Warn(string(e))
			}
		}
	}
}

func (h *Host) reply(e Reply) {
	h.trace(e.Rank, 'S', e.Line)
	h.mu.Lock()
	w := h.conns[e.Rank]
	h.mu.Unlock()
	if w == nil {
		return
	}
	if d, ok := w.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = d.SetWriteDeadline(time.Now().Add(writeWait)) // those without deadlines are in memory
	}
	// A client that does not take it is noticed by its reader.
	_, _ = io.WriteString(w, e.Line)
}

func (h *Host) enter(e Enter) {
	done := func(all map[string]string, err error) {
		h.mu.Lock()
		effects := h.server.BarrierDone(all, err != nil)
		h.mu.Unlock()
		h.perform(effects)
	}
	if h.hooks.Exchange == nil {
		done(nil, nil)
		return
	}
	h.hooks.Exchange(e.Puts, done)
}

func (h *Host) trace(rank int, dir byte, line string) {
	if h.hooks.Trace != nil {
		h.hooks.Trace(rank, dir, line)
	}
}
