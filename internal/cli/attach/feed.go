// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

import (
	"encoding/base64"
	"os"
	"unicode/utf8"

	"goflux/internal/sys/tty"
)

// stdinChunk is how much standard input goes in one message: messages of this
// size pass quickly between other traffic.
const stdinChunk = 64 << 10

// stdinWindow is how many messages of standard input may be unanswered, so
// that a large file is read as fast as the job's shell takes it.
const stdinWindow = 8

// stdinReader reads standard input as long as there is room in the window.
type stdinReader struct {
	room chan struct{}
	stop chan struct{}
}

// ReadStdin implements Effects.
func (r *runner) ReadStdin() {
	if r.stdin != nil {
		return
	}
	in := &stdinReader{room: make(chan struct{}, stdinWindow), stop: make(chan struct{})}
	for range stdinWindow {
		in.room <- struct{}{}
	}
	r.stdin = in
	go in.read(r)
}

// read runs until the end of the input, or of Run: a read that waits is not
// waited for.
func (in *stdinReader) read(r *runner) {
	for {
		select {
		case <-in.room:
		case <-in.stop:
			return
		case <-r.ctx.Done():
			return
		}
		data, err := readChunk(r.streams.In)
		if !r.post(func() { in.deliver(r, data) }) || err != nil || len(data) == 0 {
			return
		}
	}
}

func readChunk(f *os.File) ([]byte, error) {
	if err := tty.WaitReadable(f); err != nil {
		return nil, err
	}
	buf := make([]byte, stdinChunk)
	n, err := f.Read(buf)
	return buf[:n], err
}

// deliver runs on the loop.
func (in *stdinReader) deliver(r *runner, data []byte) {
	select {
	case <-in.stop:
	default:
		r.session.Stdin(data)
	}
}

// StdinWaits implements Effects. A person at a terminal has more time.
func (r *runner) StdinWaits() bool {
	return !tty.IsTerminal(r.streams.In) && tty.Waiting(r.streams.In) > 0
}

// StopStdin implements Effects.
func (r *runner) StopStdin() {
	if r.stdin == nil {
		return
	}
	select {
	case <-r.stdin.stop:
	default:
		close(r.stdin.stop)
	}
}

// Send implements Effects.
func (r *runner) Send(shell Shell, ranks string, data []byte) {
	d := Data{Stream: "stdin", Rank: ranks, EOF: len(data) == 0}
	d.Data, d.Encoding = encode(data)
	call, err := r.client.Go(shell.Service+".stdin", shell.Rank, d)
	in := r.stdin
	go func() {
		if err == nil {
			err = call.Get(r.ctx, nil)
		}
		r.post(func() { r.session.Sent(err) })
		if in != nil {
			select {
			case in.room <- struct{}{}:
			default: // a Send that no reading caused
			}
		}
	}()
}

// encode is data as a JSON string can hold it.
func encode(data []byte) (text, encoding string) {
	for _, b := range data {
		if b == 0 { // which C programs do not take in a JSON string
			return base64.StdEncoding.EncodeToString(data), "base64"
		}
	}
	if utf8.Valid(data) {
		return string(data), ""
	}
	return base64.StdEncoding.EncodeToString(data), "base64"
}
