// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newFilemap is flux filemap: what flux archive was called before, with maps
// for archives and tags for names.
func newFilemap(a *app) *cobra.Command {
	cmd := a.group("filemap COMMAND", "the former name of flux archive")
	for old, sub := range map[string]*cobra.Command{
		"map [OPTIONS] PATH...": a.archiveCreate(), "unmap": a.archiveRemove(), "get [PATTERN]": a.archiveExtract(), "list [PATTERN]": a.archiveList(),
	} {
		sub.Use = old
		fs := sub.Flags()
		fs.StringP("tags", "T", "main", "The archive is `NAME`")
		run := sub.RunE
		sub.RunE = func(cmd *cobra.Command, args []string) error {
			fmt.Fprintln(a.err, "flux-filemap: this command is deprecated, use flux archive instead")
			set := func(name, value string) error { return fs.Set(name, value) }
			if tag := fs.Lookup("tags"); tag.Changed {
				if err := set("name", tag.Value.String()); err != nil {
					return err
				}
			}
			if mapped := fs.Lookup("mmap"); mapped != nil && !fs.Lookup("disable-mmap").Changed {
				if err := set("mmap", "true"); err != nil {
					return err
				}
			}
			return run(cmd, args)
		}
		if fs.Lookup("mmap") != nil {
			fs.Bool("disable-mmap", false, "Copy the files, do not map them")
		}
		cmd.AddCommand(sub)
	}
	return cmd
}
