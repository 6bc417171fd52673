// SPDX-License-Identifier: LGPL-3.0-or-later

// Command flux is the command line of Flux.
package main

import (
	"os"
	"syscall"

	"goflux/internal/cli"
	"goflux/internal/sys/sigdefault"
)

func main() {
	_ = sigdefault.Set(syscall.SIGALRM) // scripts bound commands by alarms; it cannot fail
	sigdefault.Fatal()
	os.Exit(cli.Main(os.Args[1:]))
}
