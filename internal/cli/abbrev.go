// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// completeOption writes out a long option that was abbreviated.
func completeOption(cmd *cobra.Command, err error, args []string) ([]string, bool) {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || unknown.GetSpecifiedShortnames() != "" {
		return nil, false
	}
	part := unknown.GetSpecifiedName()
	var found []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if strings.HasPrefix(f.Name, part) && !f.Hidden {
			found = append(found, f.Name)
		}
	})
	if len(found) != 1 || part == "" {
		return nil, false
	}
	for i, arg := range args {
		name, value, has := strings.Cut(arg, "=")
		if name != "--"+part {
			continue
		}
		again := slices.Clone(args)
		again[i] = "--" + found[0]
		if has {
			again[i] += "=" + value
		}
		return again, true
	}
	return nil, false
}

// attachValues turns -Xvalue into -X=value where -X may also stand alone, which
// is how getopt reads it.
func attachValues(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil {
		return args
	}
	out := slices.Clone(args)
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if len(arg) > 2 && arg[0] == '-' && arg[1] != '-' {
			out[i] = attachValue(cmd.Flags(), arg)
		}
	}
	return out
}

func attachValue(fs *pflag.FlagSet, arg string) string {
	for i := 1; i < len(arg)-1 && arg[i] < 0x80; i++ {
		f := fs.ShorthandLookup(arg[i : i+1])
		switch {
		case f == nil:
			return arg
		case f.Value.Type() == "bool" || f.Value.Type() == "count":
			continue
		case f.NoOptDefVal != "" && arg[i+1] != '=':
			return arg[:i+1] + "=" + arg[i+1:]
		}
		return arg
	}
	return arg
}

// joinOptional turns "--color never" into "--color=never" where the option may
// also stand alone, which is how strict commands have always read it; not in
// commands whose operands are a command line of the user's.
func joinOptional(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil || cmd.Annotations[endsOptions] != "" {
		return args
	}
	var out []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(out, args[i:]...)
		}
		if takesOptional(cmd.Flags(), arg) && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			i++
			arg += "=" + args[i]
		}
		out = append(out, arg)
	}
	return out
}

// takesOptional tells whether arg is an option with an optional value, without
// that value.
func takesOptional(fs *pflag.FlagSet, arg string) bool {
	var f *pflag.Flag
	if name, long := strings.CutPrefix(arg, "--"); long {
		f = fs.Lookup(name)
	} else if len(arg) == 2 && arg[0] == '-' {
		f = fs.ShorthandLookup(arg[1:])
	}
	return f != nil && f.NoOptDefVal != "" && f.Value.Type() != "bool" && f.Value.Type() != "count"
}
