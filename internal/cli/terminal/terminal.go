// SPDX-License-Identifier: LGPL-3.0-or-later

package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"goflux/flux"
	"goflux/internal/rpc"
	"goflux/internal/sys/tty"
)

const (
	// alive is how often the other end is asked whether it is still there.
	alive = time.Second
	// leave is the key that leaves: Ctrl-\.
	leave = 0x1c
	// typedAtOnce bounds a piece of what is typed or piped, in bytes.
	typedAtOnce = 4096
)

// Terminal is what is to be connected.
type Terminal struct {
	Client *flux.Client
	Topic  string // of the other end
	NodeID uint32
	In     *os.File
	// Pipe sends In to the other end and then leaves; it shows nothing and takes
	// no terminal over.
	Pipe bool
	// Attached is called when the other end has let us in; Show shows what it
	// sends. They are called on the goroutine of Run.
	Attached func()
	Show     func([]byte)
}

// End is how it ended.
type End struct {
	Attached bool
	Status   int    // the wait status of what ran there
	Reason   string // why it is over, "" if nobody said
	Err      error  // nil when the other end said that it is over
}

// ShowCursor is to be written to the terminal when it is over: what ran there
// may have hidden the cursor.
const ShowCursor = "\033[?25h"

// Farewell is ShowCursor and, on the last line, why it is over.
func (e End) Farewell() string {
	reason := e.Reason
	if reason == "" {
		reason = "unknown reason"
	}
	return fmt.Sprintf(ShowCursor+"\033[999H[detached: %s]\033[K\n\r", reason)
}

// Run connects until it is over, or ctx is. The terminal is the user's again when
// it returns.
func (t *Terminal) Run(ctx context.Context) End {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &link{Terminal: t, ctx: ctx, lost: make(chan error, 1)}
	end := l.follow()
	if l.restore != nil {
		l.restore()
	}
	return end
}

// link is a connected terminal.
type link struct {
	*Terminal
	ctx     context.Context
	lost    chan error // the other end cannot be reached any more
	restore func()     // makes the terminal the user's, or nil
}

func (l *link) follow() (end End) {
	m := rpc.TerminalMessage{Type: "attach", Mode: "rw", Winsize: l.size()}
	if l.Pipe {
		m.Mode = "wo"
	}
	call, err := l.Client.Stream(l.Topic, l.NodeID, m)
	if err != nil {
		return End{Err: err}
	}
	messages, ended := l.listen(call)
	for {
		select {
		case m := <-messages:
			l.handle(m, &end)
		case end.Err = <-l.lost:
			end.Reason = gone(end.Err, "error writing to remote pty")
			return end
		case err := <-ended:
			if errors.Is(err, io.EOF) {
				return end
			}
			end.Err = err
			if end.Attached {
				end.Reason = gone(err, flux.ErrorText(err))
			}
			return end
		}
	}
}

// listen reads what the other end sends.
func (l *link) listen(call *flux.Call) (messages chan *rpc.TerminalMessage, ended chan error) {
	messages, ended = make(chan *rpc.TerminalMessage), make(chan error, 1)
	go func() {
		for {
			m := new(rpc.TerminalMessage)
			if err := call.Get(l.ctx, m); err != nil {
				ended <- err
				return
			}
			select {
			case messages <- m:
			case <-l.ctx.Done():
				return
			}
		}
	}()
	return messages, ended
}

func (l *link) handle(m *rpc.TerminalMessage, end *End) {
	switch m.Type {
	case "attach":
		end.Attached = true
		l.begin()
	case "data":
		if data, err := m.Bytes(); err == nil {
			l.Show(data)
		}
	case "resize":
		l.resize()
	case "exit":
		end.Reason = m.Message
		if m.Status != nil {
			end.Status = *m.Status
		}
	}
}

// gone words why a message did not arrive.
func gone(err error, text string) string {
	if errors.Is(err, syscall.ENOSYS) {
		return "remote pty disappeared"
	}
	return text
}

// begin takes the terminal over.
func (l *link) begin() {
	if !l.Pipe {
		if restore, err := tty.Raw(l.In); err == nil {
			l.restore = restore
		}
	}
	l.Attached()
	if !l.Pipe {
		go l.watch()
	}
	go l.readKeys()
}

func (l *link) size() *rpc.Winsize {
	rows, cols, _ := tty.Size(l.In)
	return &rpc.Winsize{Rows: uint16(max(rows, 1)), Cols: uint16(max(cols, 1))}
}

func (l *link) resize() { l.send(&rpc.TerminalMessage{Type: "resize", Winsize: l.size()}) }

// readKeys sends what is typed, or piped. A read that waits when all is over is
// not waited for.
func (l *link) readKeys() {
	buf := make([]byte, typedAtOnce)
	for {
		if err := tty.WaitReadable(l.In); err != nil {
			return
		}
		n, err := l.In.Read(buf)
		if l.ctx.Err() != nil {
			return
		}
		over := n == 0 || err != nil
		switch {
		case over && !l.Pipe:
			return
		case over, !l.Pipe && buf[0] == leave:
			l.send(&rpc.TerminalMessage{Type: "detach"})
			return
		}
		l.send(rpc.TerminalData(buf[:n]))
	}
}

// watch tells the other end of the terminal's size, and asks it for a sign of
// life.
func (l *link) watch() {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	defer signal.Stop(changed)
	tick := time.NewTicker(alive)
	defer tick.Stop()
	for {
		select {
		case <-changed:
			l.resize()
		case <-tick.C:
			l.send(rpc.TerminalData(nil))
		case <-l.ctx.Done():
			return
		}
	}
}

// send sends a message; data that does not arrive ends the connection.
func (l *link) send(m *rpc.TerminalMessage) {
	call, err := l.Client.Go(l.Topic, l.NodeID, m)
	go func() {
		if err == nil {
			err = call.Get(l.ctx, nil)
		}
		if err != nil && m.Type == "data" {
			select {
			case l.lost <- err:
			default:
			}
		}
	}()
}
