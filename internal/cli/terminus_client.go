// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
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
	// terminalAlive is how often an attached terminal asks whether the other
	// end is still there.
	terminalAlive = time.Second
	// detachKey is the key that leaves a session: Ctrl-\.
	detachKey = 0x1c
	// typedAtOnce bounds a piece of what is typed or piped, in bytes.
	typedAtOnce = 4096
)

// terminalClient is this terminal attached to a session, or, as a pipe, our
// standard input sent to it.
type terminalClient struct {
	*app
	at      *terminusAt
	topic   string
	pipe    bool
	in      *os.File
	lost    chan error    // the session cannot be reached any more
	stop    chan struct{} // closed when it is over
	restore func()
}

// attachTerminal attaches to the session at topic until it ends or is left, and
// exits as its process does.
func (a *app) attachTerminal(at *terminusAt, topic string, pipe bool) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	c := &terminalClient{
		app: a, at: at, topic: topic, pipe: pipe, in: os.Stdin,
		lost: make(chan error, 1), stop: make(chan struct{}), restore: func() {},
	}
	m := rpc.TerminalMessage{Type: "attach", Mode: "rw", Winsize: c.size()}
	if pipe {
		m.Mode = "wo"
	}
	call, err := h.Stream(topic, at.nodeID(), m)
	if err != nil {
		return err
	}
	defer c.end()
	status, why, err := c.follow(call)
	c.end()
	if !pipe && why != "" {
		fmt.Fprintf(a.out, "\033[999H[detached: %s]\033[K\n\r", why)
	}
	switch {
	case errors.Is(err, syscall.ENOSYS) && why == "":
		return fail("Invalid session or server at %s", topic)
	case err != nil && why == "":
		return err
	case err != nil:
		return exitStatus(1)
	}
	return exitStatus(waitStatusCode(syscall.WaitStatus(status)))
}

// end makes the terminal the user's again.
func (c *terminalClient) end() {
	select {
	case <-c.stop:
	default:
		close(c.stop)
		c.restore()
	}
}

// follow shows what the session has to show. It returns the wait status of its
// process and why the session was left; "" and an error when it was never
// entered.
func (c *terminalClient) follow(call *flux.Call) (status int, why string, err error) {
	messages := make(chan *rpc.TerminalMessage)
	ended := make(chan error, 1)
	go func() {
		for {
			m := new(rpc.TerminalMessage)
			if err := call.Get(c.ctx, m); err != nil {
				ended <- err
				return
			}
			messages <- m
		}
	}()
	attached := false
	for {
		select {
		case m := <-messages:
			switch m.Type {
			case "attach":
				attached = true
				c.begin()
			case "data":
				c.show(m)
			case "resize":
				c.send(&rpc.TerminalMessage{Type: "resize", Winsize: c.size()})
			case "exit":
				why = m.Message
				if m.Status != nil {
					status = *m.Status
				}
			}
		case err := <-c.lost:
			if errors.Is(err, syscall.ENOSYS) {
				return 0, "remote pty disappeared", err
			}
			return 0, "error writing to remote pty", err
		case err := <-ended:
			switch {
			case errors.Is(err, io.EOF):
				return status, why, nil
			case attached:
				return 0, flux.ErrorText(err), err
			}
			return 0, "", err
		}
	}
}

func (c *terminalClient) size() *rpc.Winsize {
	rows, cols, _ := tty.Size(c.in)
	return &rpc.Winsize{Rows: uint16(max(rows, 1)), Cols: uint16(max(cols, 1))}
}

// begin takes the terminal over.
func (c *terminalClient) begin() {
	if !c.pipe {
		if restore, err := tty.Raw(c.in); err == nil {
			c.restore = func() {
				restore()
				fmt.Fprint(c.out, "\033[?25h") // what ran may have hidden the cursor
				c.flush()
			}
		}
		fmt.Fprint(c.out, "\033[2J\033[;H") // an empty screen
		c.flush()
		go c.watch()
	}
	go c.readKeys()
}

func (c *terminalClient) show(m *rpc.TerminalMessage) {
	if data, err := m.Bytes(); err == nil {
		_, _ = c.out.Write(data)
		c.flush()
	}
}

// readKeys sends what is typed, or piped.
func (c *terminalClient) readKeys() {
	buf := make([]byte, typedAtOnce)
	for {
		if err := tty.WaitReadable(c.in); err != nil {
			return
		}
		n, err := c.in.Read(buf)
		select {
		case <-c.stop:
			return
		default:
		}
		if (n == 0 || err != nil) && !c.pipe {
			return
		}
		if n == 0 || err != nil || (!c.pipe && buf[0] == detachKey) {
			c.send(&rpc.TerminalMessage{Type: "detach"})
			return
		}
		c.send(rpc.TerminalData(buf[:n]))
	}
}

// watch tells the server of the terminal's size, and asks it for a sign of
// life. Who is ended by a signal puts the terminal back first.
func (c *terminalClient) watch() {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	defer signal.Stop(changed)
	ending := make(chan os.Signal, 1)
	signal.Notify(ending, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(ending)
	alive := time.NewTicker(terminalAlive)
	defer alive.Stop()
	for {
		select {
		case <-changed:
			c.send(&rpc.TerminalMessage{Type: "resize", Winsize: c.size()})
		case <-alive.C:
			c.send(rpc.TerminalData(nil))
		case sig := <-ending:
			c.restore()
			signal.Reset(sig)
			_ = syscall.Kill(os.Getpid(), sig.(syscall.Signal))
		case <-c.stop:
			return
		}
	}
}

// send sends a message; data that does not arrive ends the session.
func (c *terminalClient) send(m *rpc.TerminalMessage) {
	h, err := c.open()
	if err != nil {
		return
	}
	call, err := h.Go(c.topic, c.at.nodeID(), m)
	go func() {
		if err == nil {
			err = call.Get(c.ctx, nil)
		}
		if err != nil && m.Type == "data" {
			select {
			case c.lost <- err:
			default:
			}
		}
	}()
}
