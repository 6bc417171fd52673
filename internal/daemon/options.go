// SPDX-License-Identifier: LGPL-3.0-or-later

package daemon

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// options are the command line of flux-broker(1).
type options struct {
	verbose    int
	attrs      []setting // -S, in order
	configPath string
	conf       []string // --conf, in order
	program    []string // the initial program
}

type setting struct{ name, value string }

func parseOptions(args []string) (*options, error) {
	var o options
	var attrs []string
	f := pflag.NewFlagSet("flux-broker", pflag.ContinueOnError)
	f.SetInterspersed(false) // what follows the program is the program's
	f.Usage = func() {
		fmt.Printf("Usage: flux-broker [OPTIONS] [initial-program [args...]]\n%s", f.FlagUsages())
	}
	f.CountVarP(&o.verbose, "verbose", "v", "Log more; twice for debugging")
	f.StringArrayVarP(&attrs, "setattr", "S", nil, "Set a broker attribute to a `ATTR=VAL`")
	f.StringVarP(&o.configPath, "config-path", "c", "", "Read the configuration from `PATH`, a directory of TOML files or a file")
	f.StringArrayVar(&o.conf, "conf", nil, "Update the configuration from `VALUE`: KEY=VAL, JSON, TOML or a file")
	if err := f.Parse(args); err != nil {
		var unknown *pflag.NotExistError
		if errors.As(err, &unknown) {
			dashes := "--"
			if unknown.GetSpecifiedShortnames() != "" {
				dashes = "-"
			}
			return nil, fmt.Errorf("unrecognized option '%s%s'", dashes, unknown.GetSpecifiedName())
		}
		return nil, err
	}
	for _, a := range attrs {
		name, value, _ := strings.Cut(a, "=")
		o.attrs = append(o.attrs, setting{name, value})
	}
	o.program = f.Args()
	return &o, nil
}
