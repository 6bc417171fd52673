// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// newRelay is flux relay, which ssh runs on a broker's host: it passes on what
// comes on standard input to the broker's socket, and what the broker says to
// standard output.
func newRelay(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "relay PATH",
		Short: "connect standard input and output to a broker's socket",
		Args:  a.operands(1, 1),
		RunE:  func(_ *cobra.Command, args []string) error { return relay(args[0]) },
	}
}

func relay(uri string) error {
	path := strings.TrimPrefix(uri, "local://")
	nc, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if errors.Is(err, syscall.ENOENT) {
		return fail("broker socket %s was not found", path)
	}
	if err != nil {
		return fail("%s: %v", path, err)
	}
	go func() {
		// The input's end is the end of the caller: the broker is told, and what
		// it still says goes out.
		_, _ = io.Copy(nc, os.Stdin)
		_ = nc.CloseWrite()
	}()
	if _, err := io.Copy(os.Stdout, nc); err != nil && !errors.Is(err, syscall.EPIPE) {
		return fail("%s: %v", path, err)
	}
	return nil
}
