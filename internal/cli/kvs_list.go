// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/cli/outfmt"
	"goflux/treeobj"
)

// defaultWidth is the width of listings that go to no terminal.
const defaultWidth = 80

// windowWidth is the width to fit a listing in, 0 for no limit: the one given
// unless negative, the terminal's, $COLUMNS.
func windowWidth(given int) int {
	if given >= 0 {
		return given
	}
	if w := outfmt.TerminalWidth(); w > 0 {
		return w
	}
	if w, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && w >= 0 {
		return w
	}
	return defaultWidth
}

// keyBelow is the key of an entry of a directory.
func keyBelow(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "." + name
}

// kvsDump prints directories with their values.
type kvsDump struct {
	app                      *app
	h                        *flux.Client
	view                     kvsView
	width                    int
	recursive, directoryOnly bool
}

func (a *app) kvsDir() *cobra.Command {
	var at string
	var width int
	d := kvsDump{app: a}
	cmd := &cobra.Command{
		Use:   "dir [KEY]",
		Short: "print the keys and values of a directory",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fail("dir: specify zero or one directory")
			}
			return nil
		},
	}
	namespace := namespaceFlag(cmd)
	fs := cmd.Flags()
	fs.BoolVarP(&d.recursive, "recursive", "R", false, "Print subdirectories too")
	fs.BoolVarP(&d.directoryOnly, "directory", "d", false, "Print keys without values")
	fs.IntVarP(&width, "width", "w", -1, "Cut values to fit in `N` columns; 0 is no limit")
	fs.StringVarP(&at, "at", "a", "", "Look below a directory reference (`TREEOBJ`)")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		var err error
		if d.view, err = newKVSView(*namespace, at); err != nil {
			return err
		}
		if d.h, err = a.open(); err != nil {
			return err
		}
		key := "."
		if len(args) > 0 {
			key = args[0]
		}
		d.width = windowWidth(width)
		dir, err := a.lookupDir(d.h, d.view, key)
		if err != nil {
			return err
		}
		return d.print(key, dir)
	}
	return cmd
}

func (d *kvsDump) print(key string, dir *treeobj.Dir) error {
	for name, o := range dir.All() {
		if err := d.printEntry(keyBelow(key, name), o); err != nil {
			return err
		}
	}
	return nil
}

func (d *kvsDump) printEntry(key string, o treeobj.Object) error {
	out := d.app.out
	switch o := o.(type) {
	case treeobj.Symlink:
		fmt.Fprintf(out, "%s -> %s\n", key, linkText(o))
		return nil
	case *treeobj.Dir, treeobj.Dirref:
		if !d.recursive {
			fmt.Fprintf(out, "%s.\n", key)
			return nil
		}
		dir, err := d.app.lookupDir(d.h, d.view, key)
		if err != nil {
			return err
		}
		if dir.Len() == 0 {
			fmt.Fprintf(out, "%s.\n", key)
		}
		return d.print(key, dir)
	}
	if d.directoryOnly {
		fmt.Fprintln(out, key)
		return nil
	}
	if o.Kind() == treeobj.KindValref {
		var err error
		if o, err = d.app.lookup(d.h, d.view, key, 0); err != nil {
			return err
		}
	}
	data, err := valueBytes(key, o)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, cutValue(key+" = "+string(data), d.width))
	return nil
}

// minValueWidth is the least width that text is cut to: the ellipsis takes three.
const minValueWidth = 4

// cutValue cuts text to a width and to its first line, and marks that by three
// periods.
func cutValue(text string, width int) string {
	text, _, _ = strings.Cut(text, "\x00")
	if width < minValueWidth {
		return text
	}
	more := false
	if len(text) > width-3 {
		text, more = text[:width-3], true
		for len(text) > 0 && !utf8.ValidString(text[len(text)-min(len(text), utf8.UTFMax):]) {
			text = text[:len(text)-1]
		}
	}
	line, rest, broken := strings.Cut(text, "\n")
	if more || broken && rest != "" {
		return line + "..."
	}
	return line
}

// kvsLister prints directories as ls(1) does.
type kvsLister struct {
	app                                *app
	h                                  *flux.Client
	view                               kvsView
	width                              int
	recursive, directoryOnly, classify bool
	label                              bool // print directories' names
	gap                                bool // print an empty line before the next name
	failed                             bool
}

func (a *app) kvsLs() *cobra.Command {
	var width int
	var single bool
	l := kvsLister{app: a}
	cmd := &cobra.Command{Use: "ls [KEY...]", Short: "list directories"}
	namespace := namespaceFlag(cmd)
	fs := cmd.Flags()
	fs.BoolVarP(&l.recursive, "recursive", "R", false, "List subdirectories too")
	fs.BoolVarP(&l.directoryOnly, "directory", "d", false, "List directories themselves, not what is in them")
	fs.IntVarP(&width, "width", "w", -1, "Fit the list in `N` columns; 0 is no limit")
	fs.BoolVarP(&single, "1", "1", false, "List one key a line")
	fs.BoolVarP(&l.classify, "classify", "F", false, "Mark directories by . and symbolic links by @")
	cmd.RunE = func(_ *cobra.Command, keys []string) error {
		l.view.namespace = kvsNamespaceName(*namespace)
		if l.width = windowWidth(width); single {
			l.width = 1
		}
		var err error
		if l.h, err = a.open(); err != nil {
			return err
		}
		if len(keys) == 0 {
			keys = []string{"."}
		}
		return l.list(keys)
	}
	return cmd
}

func (l *kvsLister) list(keys []string) error {
	var dirs, singles []string
	for _, key := range keys {
		name, isDir, err := l.sort(key)
		switch {
		case err != nil:
			l.app.flush()
			fmt.Fprintf(l.app.err, "%s: %s\n", strings.TrimRight(key, "."), flux.ErrorText(err))
			l.failed = true
		case isDir:
			dirs = append(dirs, name)
		default:
			singles = append(singles, name)
		}
	}
	slices.Sort(dirs)
	slices.Sort(singles)
	l.printColumns(singles)
	l.gap = len(singles) > 0
	l.label = l.gap || l.recursive || len(dirs) > 1
	for _, key := range dirs {
		if err := l.listDir(key); err != nil {
			return err
		}
	}
	if l.failed {
		return exitStatus(1)
	}
	return nil
}

// sort decides whether a key given is listed by its name, and by which, or by
// what is in it. A key that ends in a period has to be a directory.
func (l *kvsLister) sort(key string) (name string, isDir bool, err error) {
	name = key
	for len(name) > 1 && strings.HasSuffix(name, ".") {
		name = name[:len(name)-1]
	}
	o, err := l.app.lookup(l.h, l.view, name, kvsTreeobj)
	if err != nil {
		return name, false, flux.Errno(err)
	}
	switch o.Kind() {
	case treeobj.KindDir, treeobj.KindDirref:
		if l.directoryOnly && l.classify {
			name += "."
		}
		return name, !l.directoryOnly, nil
	}
	if name != key {
		return name, false, syscall.ENOTDIR
	}
	if o.Kind() != treeobj.KindSymlink || l.directoryOnly || l.classify {
		if o.Kind() == treeobj.KindSymlink && l.classify {
			name += "@"
		}
		return name, false, nil
	}
	_, err = l.app.lookup(l.h, l.view, name, 0)
	switch {
	case errors.Is(err, syscall.EISDIR):
		return name, true, nil
	case err == nil || errors.Is(err, syscall.ENOENT):
		return name, false, nil
	}
	return name, false, flux.Errno(err)
}

func (l *kvsLister) listDir(key string) error {
	dir, err := l.app.lookupDir(l.h, l.view, key)
	if err != nil {
		return err
	}
	if l.label {
		if l.gap {
			fmt.Fprintln(l.app.out)
		}
		fmt.Fprintf(l.app.out, "%s:\n", key)
	}
	l.gap = true
	var names, subdirs []string
	for name, o := range dir.All() {
		mark := ""
		switch o.Kind() {
		case treeobj.KindDir, treeobj.KindDirref:
			subdirs = append(subdirs, keyBelow(key, name))
			mark = "."
		case treeobj.KindSymlink:
			mark = "@"
		}
		if l.classify {
			name += mark
		}
		names = append(names, name)
	}
	l.printColumns(names)
	if !l.recursive {
		return nil
	}
	for _, sub := range subdirs {
		if err := l.listDir(sub); err != nil {
			return err
		}
	}
	return nil
}

// columnGap is what separates the columns of a listing.
const columnGap = 4

// printColumns prints names in columns of equal width.
func (l *kvsLister) printColumns(names []string) {
	longest := 0
	for _, name := range names {
		longest = max(longest, len(strings.TrimRight(name, ".@")))
	}
	width, col := longest+columnGap, 0
	for i, name := range names {
		switch {
		case l.width != 0 && col+width > l.width && col > 0:
			fmt.Fprintln(l.app.out)
			col = 0
		case i > 0:
			fmt.Fprintf(l.app.out, "%*s", width-len(names[i-1]), "")
		}
		fmt.Fprint(l.app.out, name)
		col += width
	}
	if len(names) > 0 {
		fmt.Fprintln(l.app.out)
	}
}
