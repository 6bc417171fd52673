// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/fileref"
	"goflux/internal/kvstree"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/treeobj"
)

type createOptions struct {
	*archiveName
	directory, verbose             string
	overwrite, add, preserve, mmap bool
	chunkSize, smallFile           sizeFlag
}

func (a *app) archiveCreate() *cobra.Command {
	o := createOptions{chunkSize: 1 << 20, smallFile: 1 << 10}
	cmd := &cobra.Command{
		Use: "create PATH...", Short: "make an archive of files and directories", Args: a.operands(1, -1),
		RunE: func(_ *cobra.Command, args []string) error { return a.createFileArchive(o, args) },
	}
	o.archiveName = archiveFlags(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&o.verbose, "verbose", "v", "", "List files")
	fs.Lookup("verbose").NoOptDefVal = "1"
	fs.StringVarP(&o.directory, "directory", "C", "", "Change to `DIR` first")
	fs.BoolVar(&o.overwrite, "overwrite", false, "Replace an archive of that name")
	fs.BoolVar(&o.add, "append", false, "Add to an archive of that name")
	fs.BoolVar(&o.preserve, "preserve", false, "Let it survive a restart of the instance")
	fs.BoolVar(&o.mmap, "mmap", false, "Leave large files where they are, and read them from there")
	fs.Var(&o.chunkSize, "chunksize", "Make blobs of up to `N` bytes; 0 for any size")
	fs.Var(&o.smallFile, "small-file-threshold", "Keep files of up to `N` bytes in the archive itself")
	return cmd
}

// archiver makes one archive.
type archiver struct {
	*app
	createOptions
	h       *flux.Client
	writer  *kvstree.Writer
	hash    treeobj.Hash
	scanner fileref.Scanner
	entries []jsontext.Value
	ops     []rpc.KVSOp
}

// archiveWindow is how many blobs are stored at once.
const archiveWindow = 16

func (a *app) createFileArchive(o createOptions, paths []string) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	if err := o.check(a, h); err != nil {
		return err
	}
	content, err := kvstree.Open(a.ctx, h, false)
	if err != nil {
		return err
	}
	if o.directory != "" {
		if err := os.Chdir(o.directory); err != nil {
			return fail("chdir %s: %v", o.directory, err)
		}
	}
	c := &archiver{app: a, createOptions: o, h: h, hash: content.Hash(), writer: kvstree.NewWriter(content, archiveWindow)}
	c.scanner = fileref.Scanner{ChunkSize: int64(o.chunkSize), SmallFile: int64(o.smallFile), Blob: c.blob}
	if err := c.begin(); err != nil {
		return err
	}
	for _, path := range paths {
		if err := c.walk(path); err != nil {
			return fail("%v", err)
		}
	}
	return c.commitArchive()
}

func (o *createOptions) check(a *app, h *flux.Client) error {
	if o.overwrite && o.add {
		return fail("--overwrite and --append cannot be used together")
	}
	if !o.mmap {
		return nil
	}
	rank, err := h.Rank(a.ctx)
	switch {
	case err != nil:
		return fail("error fetching broker rank: %v", err)
	case rank > 0:
		return fail("--mmap only works on the rank 0 broker")
	case o.preserve:
		return fail("--mmap cannot work with --preserve")
	case o.noForcePrimary:
		return fail("--mmap cannot work with --no-force-primary")
	}
	return nil
}

// begin deals with an archive of the same name.
func (c *archiver) begin() error {
	if c.overwrite {
		return c.removeArchive(c.h, c.archiveName)
	}
	old, err := c.fetchArchive(c.ctx, c.h, c.archiveName, false)
	switch {
	case errors.Is(err, syscall.ENOENT):
		return nil
	case err != nil:
		return fail("%s: %v", c.key(), err)
	case !c.add:
		return fail("%s: key exists", c.key())
	}
	for _, e := range old {
		c.entries = append(c.entries, e.raw)
	}
	return nil
}

// walk adds a file, and all below a directory, which comes before what is in
// it.
func (c *archiver) walk(path string) error {
	return filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if filepath.Clean(path) == "." {
			return nil
		}
		if c.verbose != "" && c.verbose != "0" {
			fmt.Fprintln(c.out, path)
		}
		return c.addFile(path)
	})
}

func (c *archiver) addFile(path string) error {
	f, err := c.scanner.Scan(path)
	if err != nil {
		return err
	}
	raw, err := message.Marshal(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	c.entries = append(c.entries, raw)
	regions, err := f.Regions()
	if err != nil || regions == nil || !c.mmap {
		return err
	}
	full, err := filepath.EvalSymlinks(path)
	if err == nil {
		full, err = filepath.Abs(full)
	}
	if err != nil {
		return err
	}
	req := rpc.ContentMmapAdd{Path: full, ChunkSize: int64(c.chunkSize), Tag: c.archiveName.name}
	if err := c.h.RPC(c.ctx, "content.mmap-add", 0, req, nil); err != nil {
		return fail("%s: %v", path, err)
	}
	return nil
}

// blob stores a blob of a file, or leaves it there.
func (c *archiver) blob(data []byte) (string, error) {
	if c.mmap {
		return treeobj.Blobref(c.hash, data), nil
	}
	ref, err := c.writer.Put(c.ctx, data)
	if err == nil && c.preserve {
		// A key a blob: a dump and its restoration keep values, not the blobs
		// that they are made of.
		c.ops = append(c.ops, rpc.KVSPut(c.blobsKey()+"."+ref, treeobj.Valref{Refs: []string{ref}}))
	}
	return ref, err
}

// commitArchive writes the archive when its blobs are stored.
func (c *archiver) commitArchive() error {
	if err := c.writer.Flush(c.ctx); err != nil {
		return fail("error storing blob: %v", err)
	}
	if c.entries == nil {
		c.entries = []jsontext.Value{}
	}
	data, err := message.Marshal(c.entries)
	if err != nil {
		return err
	}
	c.ops = append(c.ops, rpc.KVSPut(c.key(), treeobj.Val{Data: data}))
	if _, err := c.commit(c.h, c.namespace(), 0, c.ops); err != nil {
		return fail("kvs commit: %v", err)
	}
	return nil
}
