// SPDX-License-Identifier: LGPL-3.0-or-later

// Flux-shell is the job shell (flux-shell(1)). The execution service starts one
// on each node of a job.
package main

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"goflux/internal/rpc"
	"goflux/internal/shell"
	"goflux/internal/sys/sigdefault"
	"goflux/jobid"
)

const usage = `Usage: flux-shell [OPTIONS] JOBID
Options:
  -h, --help         Summarize available options
      --reconnect    Attempt to reconnect if broker connection is lost
`

func main() {
	sigdefault.Fatal(syscall.SIGQUIT)
	// Set by the agent, for this process alone.
	os.Unsetenv("GOMAXPROCS")
	o, err := parse(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintf(os.Stderr, "flux-shell: %v\n", err)
		os.Exit(1)
	}
	if o == nil {
		return
	}
	o.InfoPath = os.Getenv(rpc.ShellInfoEnv)
	o.Stderr = os.Stderr
	os.Exit(shell.Run(*o))
}

// parse reads the command line; nil options mean that help was wanted.
func parse(args []string, out io.Writer) (*shell.Options, error) {
	o := &shell.Options{}
	var id string
	for _, arg := range args {
		switch {
		case arg == "-h" || arg == "--help":
			fmt.Fprint(out, usage)
			return nil, nil
		case arg == "--reconnect":
			o.Reconnect = true
		case len(arg) > 1 && arg[0] == '-':
			return nil, fmt.Errorf("unrecognized option '%s'", arg)
		case id != "":
			return nil, fmt.Errorf("one JOBID is expected")
		default:
			id = arg
		}
	}
	if id == "" {
		return nil, fmt.Errorf("a JOBID is expected")
	}
	var err error
	if o.ID, err = jobid.Parse(id); err != nil {
		return nil, fmt.Errorf("failed to parse jobid: %w", err)
	}
	return o, nil
}
