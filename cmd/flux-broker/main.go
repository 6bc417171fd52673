// SPDX-License-Identifier: LGPL-3.0-or-later

// Command flux-broker is one broker of a Flux instance.
package main

import (
	"fmt"
	"os"

	"goflux/internal/compose"
	"goflux/internal/daemon"
	"goflux/internal/store/pagecache"
	"goflux/internal/sys/sigdefault"
)

func main() {
	sigdefault.Fatal()
	if err := pagecache.Reserve(); err != nil { // it goes on, somewhat slower
		fmt.Fprintln(os.Stderr, "flux-broker:", err)
	}
	os.Exit(daemon.Main(os.Args[1:], compose.Services))
}
