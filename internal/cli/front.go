// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"goflux/flux"
)

// frontOptions are the options before the command's name.
type frontOptions struct {
	help, verbose, version bool
	parents                int // how many instances up; -1 is the topmost
}

// parseFront splits args into the options of flux itself and the command line
// that follows.
func parseFront(args []string) (o frontOptions, rest []string, err error) {
	for i, arg := range args {
		switch {
		case arg == "--":
			return o, args[i+1:], nil
		case strings.HasPrefix(arg, "--"):
			if err := o.long(arg); err != nil {
				return o, nil, err
			}
		case len(arg) > 1 && arg[0] == '-':
			for _, letter := range arg[1:] {
				if err := o.letter(letter); err != nil {
					return o, nil, err
				}
			}
		default:
			return o, args[i:], nil
		}
	}
	return o, nil, nil
}

func (o *frontOptions) long(arg string) error {
	for _, name := range []string{"help", "parent", "root", "verbose", "version"} {
		if len(arg) > 3 && strings.HasPrefix("--"+name, arg) && arg != "--ver" && arg != "--ve" {
			letter := name[0]
			if name == "version" {
				letter = 'V'
			}
			return o.letter(rune(letter))
		}
	}
	return fmt.Errorf("unrecognized option '%s'", arg)
}

func (o *frontOptions) letter(c rune) error {
	switch c {
	case 'h':
		o.help = true
	case 'v':
		o.verbose = true
	case 'V':
		o.version = true
	case 'p':
		if o.parents >= 0 {
			o.parents++
		}
	case 'r':
		o.parents = -1
	default:
		return fmt.Errorf("unrecognized option '-%c'", c)
	}
	return nil
}

// enterParent points the environment at the instance levels up, or at the
// topmost one for a negative number. An instance without a parent stands for
// its own.
func (a *app) enterParent(levels int) error {
	for ; levels != 0; levels-- {
		c, err := flux.Open(a.ctx, "")
		if err != nil {
			return connectError(err)
		}
		uri, err := c.Attr(a.ctx, "parent-uri")
		ns, nsErr := c.Attr(a.ctx, "parent-kvs-namespace")
		_ = c.Close()
		if errors.Is(err, syscall.ENOENT) || (err == nil && uri == "") {
			return nil
		}
		if err != nil {
			return fail("parent-uri: %v", err)
		}
		if err := os.Setenv("FLUX_URI", uri); err != nil {
			return err
		}
		if nsErr == nil && ns != "" {
			err = os.Setenv("FLUX_KVS_NAMESPACE", ns)
		} else {
			err = os.Unsetenv("FLUX_KVS_NAMESPACE")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
