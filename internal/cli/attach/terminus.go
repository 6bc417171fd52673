// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"goflux/flux"
	"goflux/internal/sys/tty"
)

// keepAlive is how often an attached terminal asks whether the other end is
// still there.
const keepAlive = time.Second

// goneMessage is said when the shell that had the terminal is gone.
const goneMessage = "remote pty disappeared"

// escape is the key that detaches: Ctrl-\.
const escape = 0x1c

// ptyMessage is what client and server of a pseudo-terminal send each other.
type ptyMessage struct {
	Type     string   `json:"type"`
	Mode     string   `json:"mode,omitzero"`
	Size     *winsize `json:"winsize,omitempty"`
	Data     *string  `json:"data,omitempty"`
	Encoding string   `json:"encoding,omitzero"`
	Message  string   `json:"message,omitzero"`
	Status   int      `json:"status,omitzero"`
}

type winsize struct {
	Rows int `json:"rows"`
	Cols int `json:"cols"`
}

// ptyClient connects this terminal to one of the job's.
type ptyClient struct {
	run      *runner
	topic    string
	rank     uint32
	attached bool
	message  string // why the server ended the session
	status   int    // the wait status it told
	ended    bool
	stop     chan struct{}
}

// AttachPty implements Effects.
func (r *runner) AttachPty(shell Shell, service string) {
	c := &ptyClient{run: r, topic: service, rank: shell.Rank, stop: make(chan struct{})}
	r.pty = c
	call, err := r.client.Stream(c.topic, c.rank, ptyMessage{Type: "attach", Mode: "rw", Size: c.size()})
	if err != nil {
		r.post(func() { c.end(err) })
		return
	}
	go c.listen(call)
}

// DropPty implements Effects.
func (r *runner) DropPty() { r.endPty() }

// endPty makes the terminal the user's again.
func (r *runner) endPty() {
	if c := r.pty; c != nil && !c.ended {
		c.ended = true
		close(c.stop)
	}
	if r.restore != nil {
		r.restore()
		r.restore = nil
		fmt.Fprint(r.streams.Out, "\033[?25h") // what ran may have hidden the cursor
		r.Flush()
	}
}

func (c *ptyClient) size() *winsize {
	rows, cols, _ := tty.Size(c.run.streams.In)
	return &winsize{Rows: max(rows, 1), Cols: max(cols, 1)}
}

// listen reads the server's messages.
func (c *ptyClient) listen(call *flux.Call) {
	for {
		var m ptyMessage
		err := call.Get(c.run.ctx, &m)
		step := func() { c.handle(m) }
		if err != nil {
			step = func() { c.end(err) }
		}
		if !c.run.post(step) || err != nil {
			return
		}
	}
}

func (c *ptyClient) handle(m ptyMessage) {
	if c.ended {
		return
	}
	switch m.Type {
	case "attach":
		c.begin()
	case "data":
		c.show(m)
	case "resize":
		c.resize()
	case "exit":
		c.message, c.status = m.Message, m.Status
	}
}

// begin takes over the terminal.
func (c *ptyClient) begin() {
	c.attached = true
	c.run.session.PtyAttached()
	if restore, err := tty.Raw(c.run.streams.In); err == nil {
		c.run.restore = restore
	}
	go c.readKeys()
	go c.watchSize()
}

func (c *ptyClient) show(m ptyMessage) {
	if m.Data == nil {
		return
	}
	data := []byte(*m.Data)
	if m.Encoding == "base64" {
		var err error
		if data, err = base64.StdEncoding.DecodeString(*m.Data); err != nil {
			return
		}
	}
	_, _ = c.run.streams.Out.Write(data)
}

// end ends the session, for the reason that ended the stream.
func (c *ptyClient) end(err error) {
	if c.ended {
		return
	}
	switch {
	case errors.Is(err, syscall.ENOSYS) && c.attached:
		c.message = goneMessage
	case errors.Is(err, syscall.ENOSYS):
		c.message = "No such session"
	case errors.Is(err, io.EOF):
		err = nil
	default:
		c.message = flux.ErrorText(err)
	}
	if err != nil {
		c.status = 1 << 8
	}
	if c.message == "" {
		c.message = "unknown reason"
	}
	if c.attached {
		fmt.Fprintf(c.run.streams.Out, "\033[999H[detached: %s]\033[K\n\r", c.message)
	}
	c.run.endPty()
	c.run.session.PtyEnd(c.status)
}

// readKeys sends what is typed.
func (c *ptyClient) readKeys() {
	for {
		data, err := readChunk(c.run.streams.In)
		if err != nil || len(data) == 0 {
			return
		}
		select {
		case <-c.stop:
			return
		default:
		}
		if data[0] == escape {
			c.send(ptyMessage{Type: "detach"})
			return
		}
		c.sendData(data)
	}
}

// watchSize tells the server about changes of the terminal's size, and that
// this client is alive.
func (c *ptyClient) watchSize() {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	defer signal.Stop(changed)
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	for {
		select {
		case <-changed:
			c.resize()
		case <-alive.C:
			c.sendData(nil)
		case <-c.stop:
			return
		}
	}
}

func (c *ptyClient) resize() { c.send(ptyMessage{Type: "resize", Size: c.size()}) }

func (c *ptyClient) sendData(data []byte) {
	text, encoding := encode(data)
	c.send(ptyMessage{Type: "data", Data: &text, Encoding: encoding})
}

// send sends a message; if it does not arrive the session is over.
func (c *ptyClient) send(m ptyMessage) {
	call, err := c.run.client.Go(c.topic, c.rank, m)
	go func() {
		if err == nil {
			err = call.Get(c.run.ctx, nil)
		}
		if err == nil || m.Type != "data" {
			return
		}
		reason := "error writing to remote pty"
		if errors.Is(err, syscall.ENOSYS) {
			reason = goneMessage
		}
		c.run.post(func() { c.end(errors.New(reason)) })
	}()
}
