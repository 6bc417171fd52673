// SPDX-License-Identifier: LGPL-3.0-or-later

// Command flux is the command line of Flux.
package main

import (
	"os"

	"goflux/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
