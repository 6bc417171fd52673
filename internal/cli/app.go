// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"golang.org/x/term"

	"goflux/flux"
)

// app is what a running command has around it.
type app struct {
	ctx    context.Context
	in     io.Reader
	out    *bufio.Writer
	err    io.Writer
	name   string   // of the command: "module" of "flux module list"
	args   []string // the command line after it
	style  style
	client *flux.Client
}

// outBuffer is the size of standard output's buffer: large listings go out in
// few writes.
const outBuffer = 32 << 10

func newApp() *app {
	return &app{
		ctx: context.Background(),
		in:  os.Stdin,
		out: bufio.NewWriterSize(os.Stdout, outBuffer),
		err: os.Stderr,
	}
}

// open connects to the enclosing instance; further calls return the same client.
func (a *app) open() (*flux.Client, error) {
	if a.client == nil {
		c, err := flux.Open(a.ctx, "")
		if err != nil {
			return nil, connectError(err)
		}
		a.client = c
	}
	return a.client, nil
}

// connectError says that there is no instance to talk to, and where it was
// looked for.
func connectError(err error) error {
	uri := os.Getenv("FLUX_URI")
	if uri == "" {
		uri = flux.SystemURI
	}
	path, local := strings.CutPrefix(uri, "local://")
	if local && errors.Is(err, syscall.ENOENT) {
		return &statusError{
			status: 1,
			text:   fmt.Sprintf("Unable to connect to Flux: broker socket %s was not found", path),
			cause:  err,
		}
	}
	if strings.HasPrefix(uri, "ssh:") {
		return fail("flux_open: %v", err)
	}
	return fail("Unable to connect to Flux at %s: %v", uri, err)
}

// flush writes what a.out holds: before something else writes to the same
// place, and after each item of a stream.
func (a *app) flush() { _ = a.out.Flush() }

// close ends the command's use of its surroundings.
func (a *app) close() {
	a.flush()
	if a.client != nil {
		_ = a.client.Close()
	}
}

// stdoutIsTerminal tells whether a person reads standard output.
func stdoutIsTerminal() bool { return term.IsTerminal(int(os.Stdout.Fd())) }
