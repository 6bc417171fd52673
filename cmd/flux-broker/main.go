// SPDX-License-Identifier: LGPL-3.0-or-later

// Command flux-broker is one broker of a Flux instance.
package main

import (
	"os"

	"goflux/internal/compose"
	"goflux/internal/daemon"
	"goflux/internal/sys/sigdefault"
)

func main() {
	sigdefault.Fatal()
	os.Exit(daemon.Main(os.Args[1:], compose.Services))
}
