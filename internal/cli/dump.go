// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/kvstree"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/treeobj"
)

type dumpOptions struct {
	verbose, quiet, checkpoint, noCache, ignoreFailedRead, notify bool
	requests                                                      int
}

// newDump is flux dump.
func newDump(a *app) *cobra.Command {
	var o dumpOptions
	cmd := &cobra.Command{
		Use:   "dump OUTFILE",
		Short: "write the KVS and the jobs to an archive",
		Args:  a.operands(1, 1),
		RunE:  func(_ *cobra.Command, args []string) error { return a.dump(o, args[0]) },
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "List keys on standard error")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Show no progress")
	fs.BoolVar(&o.checkpoint, "checkpoint", false, "Write what the last checkpoint has, not what the KVS has now")
	fs.BoolVar(&o.noCache, "no-cache", false, "Read from the backing store")
	fs.BoolVar(&o.ignoreFailedRead, "ignore-failed-read", false, "Leave out what cannot be read")
	fs.BoolVar(&o.notify, "sd-notify", false, "Tell systemd of the progress, by way of the broker")
	fs.IntVar(&o.requests, "maxreqs", 2, "Make up to `N` requests at once")
	return cmd
}

func (a *app) dump(o dumpOptions, path string) error {
	if o.requests <= 0 {
		return fail("--maxreqs: %d is not a number of requests", o.requests)
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	out, err := a.createArchive(path)
	if err != nil {
		return err
	}
	d := &dumper{
		app: a, dumpOptions: o, h: h, out: out, inTree: map[string]bool{},
		progress: progressOf(a, h, "archived", o.quiet, o.verbose, o.notify),
	}
	if err := d.run(); err != nil {
		out.abandon()
		return err
	}
	d.progress.end(fmt.Sprintf("%d keys", d.progress.keys))
	return out.finish()
}

// dumper writes one archive.
type dumper struct {
	*app
	dumpOptions
	h        *flux.Client
	content  *kvstree.Content
	out      *archiveWriter
	progress *keyProgress
	inTree   map[string]bool // what is kept beside the tree but is in it: directories of jobs
}

func (d *dumper) run() (err error) {
	root, taken, err := d.root()
	if err != nil {
		return err
	}
	d.out.time = taken
	if d.content, err = kvstree.Open(d.ctx, d.h, d.noCache); err != nil {
		return err
	}
	if err := d.tree("", root, nil); err != nil {
		return err
	}
	if err := d.eachJob(d.h, false, d.job); err != nil {
		return err
	}
	return d.jobCheckpoint()
}

// root is the root of what is to be dumped and the time it is from.
func (d *dumper) root() (ref string, taken time.Time, err error) {
	if d.checkpoint {
		c, err := d.lastCheckpoint(d.h, d.noCache)
		if err != nil {
			return "", taken, fail("error fetching checkpoints: %v", err)
		}
		return c.Rootref, time.Unix(int64(c.Timestamp), 0), nil
	}
	root, err := d.kvsRoot("primary")
	if err != nil {
		return "", taken, fail("error fetching current KVS root: %v", err)
	}
	return root.Rootref, time.Now().Truncate(time.Second), nil
}

// lastCheckpoint is the newest checkpoint in the backing store.
func (a *app) lastCheckpoint(h *flux.Client, bypass bool) (c rpc.Checkpoint, err error) {
	service, node := contentService(bypass)
	var resp rpc.CheckpointGet
	if err := h.RPC(a.ctx, service+".checkpoint-get", node, nil, &resp); err != nil {
		return c, err
	}
	if len(resp.Value) == 0 {
		return c, errors.New("there are none")
	}
	if err := message.Unmarshal(resp.Value[0], &c); err != nil {
		return c, fmt.Errorf("error parsing checkpoint: %w", err)
	}
	return c, treeobj.CheckBlobref(c.Rootref)
}

// tree writes the tree below a root, but for the keys in without.
func (d *dumper) tree(prefix, root string, without map[string][]byte) error {
	w := &kvstree.Walk{Content: d.content, Blob: d.content.Load, Window: d.requests, Visit: func(n kvstree.Node) error {
		if _, leave := without[strings.TrimPrefix(n.Key, prefix+".")]; leave {
			return nil
		}
		return d.node(n, n.Key == prefix)
	}}
	return w.Run(d.ctx, prefix, root)
}

func (d *dumper) node(n kvstree.Node, root bool) error {
	path := strings.ReplaceAll(n.Key, ".", "/")
	switch o := n.Object.(type) {
	case treeobj.Val:
		return d.value(path, o.Data)
	case treeobj.Valref:
		for i, err := range n.Errs {
			if err != nil {
				return d.unreadable(fail("%s: missing blobref %d: %v", path, i, err))
			}
		}
		return d.value(path, n.Blobs...)
	case treeobj.Symlink:
		target := o.Target
		if o.Namespace != "" {
			target = o.Namespace + "::" + target
		}
		if err := d.out.symlink(path, target); err != nil {
			return err
		}
		d.progress.done(path)
		return nil
	}
	switch {
	case n.Err != nil && root: // never an archive of nothing
		return fail("error reading the root directory: %v", n.Err)
	case n.Err != nil:
		return d.unreadable(fail("%s: error reading directory: %v", path, n.Err))
	}
	if _, _, rest := jobKey(n.Key); rest == "" {
		d.inTree[n.Key] = true
	}
	return nil
}

func (d *dumper) value(path string, data ...[]byte) error {
	if path == jobCheckpointPath {
		d.inTree[path] = true
	}
	if err := d.out.file(path, data...); err != nil {
		return err
	}
	d.progress.done(path)
	return nil
}

// unreadable passes an error on, or tells of it and forgets it.
func (d *dumper) unreadable(err error) error {
	if !d.ignoreFailedRead {
		return err
	}
	fmt.Fprintln(d.err, errorText(err))
	return nil
}
