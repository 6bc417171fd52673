// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/fsd"
	"goflux/internal/cli/jobargs"
	"goflux/internal/fileref"
	"goflux/internal/kvstree"
	"goflux/internal/message"
	"goflux/internal/rpc"
)

// newArchive is flux archive.
func newArchive(a *app) *cobra.Command {
	cmd := a.group("archive COMMAND", "keep copies of files in the KVS, for the brokers' nodes")
	cmd.AddCommand(a.archiveCreate(), a.archiveRemove(), a.archiveExtract(), a.archiveList())
	return cmd
}

// archiveName is the archive that a command is about.
type archiveName struct {
	name           string
	noForcePrimary bool
}

func archiveFlags(cmd *cobra.Command) *archiveName {
	n := new(archiveName)
	cmd.Flags().StringVarP(&n.name, "name", "n", "main", "The archive is `NAME`")
	cmd.Flags().BoolVar(&n.noForcePrimary, "no-force-primary", false, "The archive is in the default KVS namespace, not in the primary one")
	return n
}

func (n *archiveName) key() string { return "archive." + n.name }

// blobsKey is the directory of references that keep an archive's blobs alive.
func (n *archiveName) blobsKey() string { return n.key() + "_blobs" }

func (n *archiveName) namespace() string {
	if n.noForcePrimary {
		return kvsNamespaceName("")
	}
	return "primary"
}

// archiveEntry is a file system object as it is kept, which may have members
// that are not known here.
type archiveEntry struct {
	fileref.File
	raw jsontext.Value
}

// fetchArchive returns what is in an archive.
func (a *app) fetchArchive(ctx context.Context, h *flux.Client, n *archiveName, wait bool) ([]archiveEntry, error) {
	topic, flags := "kvs.lookup", 0
	if wait {
		topic, flags = "kvs-watch.lookup", kvsWaitCreate
	}
	var resp rpc.KVSValue
	err := h.RPC(ctx, topic, flux.NodeAny, kvsView{namespace: n.namespace()}.request(n.key(), flags), &resp)
	if err != nil {
		return nil, err
	}
	data, err := valueBytes(n.key(), resp.Val.Object)
	if err != nil {
		return nil, err
	}
	var list []jsontext.Value
	if err := message.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("not an archive: %w", err)
	}
	entries := make([]archiveEntry, len(list))
	for i, raw := range list {
		entries[i].raw = raw
		if err := message.Unmarshal(raw, &entries[i].File); err != nil {
			return nil, fmt.Errorf("entry %d is no file system object: %w", i, err)
		}
	}
	return entries, nil
}

// matching leaves the entries whose path a glob matches; "" matches all.
func (a *app) matching(entries []archiveEntry, glob string) []archiveEntry {
	if glob == "" {
		return entries
	}
	re := jobargs.GlobPattern(glob)
	var out []archiveEntry
	for _, e := range entries {
		if re.MatchString(e.Path) {
			out = append(out, e)
		}
	}
	if len(out) == 0 {
		fmt.Fprintf(a.err, "flux-archive: No files matched pattern '%s'\n", glob)
	}
	return out
}

// pattern is the glob among a command's operands, if there is one.
func pattern(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func (a *app) archiveList() *cobra.Command {
	var long, raw bool
	cmd := &cobra.Command{Use: "list [PATTERN]", Short: "list what is in an archive", Args: a.operands(0, 1)}
	n := archiveFlags(cmd)
	cmd.Flags().BoolVarP(&long, "long", "l", false, "Show type, permissions and size")
	cmd.Flags().BoolVar(&raw, "raw", false, "Print the RFC 37 objects")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		h, err := a.open()
		if err != nil {
			return err
		}
		entries, err := a.fetchArchive(a.ctx, h, n, false)
		if err != nil {
			return fail("KVS lookup %s: %v", n.key(), err)
		}
		for _, e := range a.matching(entries, pattern(args)) {
			a.printEntry(e, long, raw)
		}
		return nil
	}
	return cmd
}

func (a *app) printEntry(e archiveEntry, long, raw bool) {
	switch {
	case raw:
		fmt.Fprintf(a.out, "%s\n", e.raw)
	case long:
		fmt.Fprintln(a.out, e.Long())
	default:
		fmt.Fprintln(a.out, e.Path)
	}
}

func (a *app) archiveRemove() *cobra.Command {
	var force bool
	cmd := &cobra.Command{Use: "remove", Short: "remove an archive", Args: a.operands(0, 0)}
	n := archiveFlags(cmd)
	cmd.Flags().BoolVarP(&force, "force", "f", false, "It is no mistake if there is none")
	cmd.RunE = func(*cobra.Command, []string) error {
		h, err := a.open()
		if err != nil {
			return err
		}
		if _, err := a.lookup(h, kvsView{namespace: n.namespace()}, n.key(), 0); err != nil && !force {
			return fail("%s does not exist", n.key())
		}
		return a.removeArchive(h, n)
	}
	return cmd
}

// removeArchive unlinks an archive and unmaps its files.
func (a *app) removeArchive(h *flux.Client, n *archiveName) error {
	if _, err := a.commit(h, n.namespace(), 0, []rpc.KVSOp{rpc.KVSUnlink(n.key()), rpc.KVSUnlink(n.blobsKey())}); err != nil {
		return fail("unlink %s: %v", n.key(), err)
	}
	if err := h.RPC(a.ctx, "content.mmap-remove", 0, rpc.ContentMmapRemove{Tag: n.name}, nil); err != nil {
		return fail("unmap %s: %v", n.name, err)
	}
	return nil
}

type extractOptions struct {
	*archiveName
	directory, wait, verbose string
	overwrite, listOnly      bool
}

func (a *app) archiveExtract() *cobra.Command {
	var o extractOptions
	cmd := &cobra.Command{
		Use: "extract [PATTERN]", Short: "make files of an archive", Args: a.operands(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.extract(o, cmd.Flags().Changed("waitcreate"), pattern(args))
		},
	}
	o.archiveName = archiveFlags(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&o.verbose, "verbose", "v", "", "List files on standard error")
	fs.StringVarP(&o.directory, "directory", "C", ".", "Change to `DIR` first")
	fs.BoolVar(&o.overwrite, "overwrite", false, "Replace files that exist")
	fs.StringVar(&o.wait, "waitcreate", "", "Wait until the archive exists, for a duration of `FSD` at most")
	fs.BoolVarP(&o.listOnly, "list-only", "t", false, "List the files without extracting them")
	fs.Lookup("verbose").NoOptDefVal = "1"
	fs.Lookup("waitcreate").NoOptDefVal = "inf"
	return cmd
}

// maxWait is a wait that is as good as one without end, in seconds.
const maxWait = 1e9

func (a *app) extract(o extractOptions, wait bool, glob string) error {
	ctx := a.ctx
	if wait {
		seconds, err := fsd.ParseSeconds(o.wait)
		if err != nil {
			return fail("could not parse --waitcreate timeout: %v", err)
		}
		if seconds < maxWait {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, time.Duration(seconds*float64(time.Second)))
			defer cancel()
		}
	}
	root, err := os.OpenRoot(o.directory)
	if err != nil {
		return fail("chdir %s: %v", o.directory, err)
	}
	defer root.Close()
	h, err := a.open()
	if err != nil {
		return err
	}
	entries, err := a.fetchArchive(ctx, h, o.archiveName, wait)
	if errors.Is(err, context.DeadlineExceeded) {
		return fail("%s: key was not created within timeout window", o.key())
	}
	if err != nil {
		return fail("KVS lookup %s: %v", o.key(), err)
	}
	entries = a.matching(entries, glob)
	if o.listOnly {
		for _, e := range entries {
			a.printEntry(e, o.verbose != "", false)
		}
		return nil
	}
	content, err := kvstree.Open(a.ctx, h, false)
	if err != nil {
		return err
	}
	x := fileref.Extractor{Root: root, Overwrite: o.overwrite, Load: func(ref string) func(context.Context) ([]byte, error) {
		return content.Load(ref)
	}}
	for _, e := range entries {
		if o.verbose != "" && o.verbose != "0" {
			fmt.Fprintln(a.err, e.Path)
		}
		if err := x.Extract(a.ctx, &e.File); err != nil {
			return fail("%v", err)
		}
	}
	return x.Finish()
}
