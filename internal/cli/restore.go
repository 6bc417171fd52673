// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/kvstree"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/treeobj"
)

type restoreOptions struct {
	verbose, quiet, checkpoint, noCache, notify bool
	key                                         string
	sizeLimit                                   sizeFlag
	requests                                    int
}

// newRestore is flux restore.
func newRestore(a *app) *cobra.Command {
	var o restoreOptions
	cmd := &cobra.Command{
		Use:   "restore INFILE",
		Short: "read an archive of flux dump into the KVS",
		Args:  a.operands(1, 1),
		RunE:  func(_ *cobra.Command, args []string) error { return a.restore(o, args[0]) },
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "List keys on standard error")
	fs.BoolVarP(&o.quiet, "quiet", "q", false, "Show no progress")
	fs.BoolVar(&o.checkpoint, "checkpoint", false, "Make it the checkpoint that the KVS begins with")
	fs.StringVar(&o.key, "key", "", "Put it at the key `KEY`")
	fs.BoolVar(&o.noCache, "no-cache", false, "Write to the backing store")
	fs.Var(&o.sizeLimit, "size-limit", "Leave out values of more than `SIZE` bytes")
	fs.IntVar(&o.requests, "maxreqs", 256, "Make up to `N` requests at once")
	fs.BoolVar(&o.notify, "sd-notify", false, "Tell systemd of the progress, by way of the broker")
	return cmd
}

func (a *app) restore(o restoreOptions, path string) error {
	if o.requests <= 0 {
		return fail("--maxreqs: %d is not a number of requests", o.requests)
	}
	if !o.checkpoint && o.key == "" {
		return fail("Please specify a restore target with --checkpoint or --key")
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	in := a.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return fail("%s: %v", path, err)
		}
		defer f.Close()
		in = f
	}
	if o.checkpoint && a.kvsIsLoaded(h) {
		return fail("please unload kvs module before using --checkpoint")
	}
	archive, err := readArchive(in)
	if err != nil {
		return fail("%s: %v", path, err)
	}
	content, err := kvstree.Open(a.ctx, h, o.noCache)
	if err != nil {
		return err
	}
	r := &restorer{
		app: a, restoreOptions: o, h: h, tree: kvstree.NewTree(), writer: kvstree.NewWriter(content, o.requests),
		progress: progressOf(a, h, "restored", o.quiet, o.verbose, o.notify),
	}
	return r.run(path, archive)
}

// kvsIsLoaded tells whether there is a KVS that has a root of its own.
func (a *app) kvsIsLoaded(h *flux.Client) bool {
	err := h.RPC(a.ctx, "kvs.getroot", flux.NodeAny, rpc.KVSGetroot{Namespace: "primary"}, nil)
	return !errors.Is(err, syscall.ENOSYS)
}

// restorer reads one archive.
type restorer struct {
	*app
	restoreOptions
	h        *flux.Client
	tree     *kvstree.Tree
	writer   *kvstree.Writer
	jobs     *jobRestorer // nil when jobs are keys like others
	progress *keyProgress
	newest   time.Time
}

func (r *restorer) run(path string, archive *tar.Reader) error {
	if r.checkpoint {
		var err error
		if r.jobs, err = r.newJobRestorer(r.h); err != nil {
			return err
		}
	}
	for {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = r.entry(h, archive)
		}
		if err != nil {
			return fail("%s: %v", path, err)
		}
	}
	if r.jobs != nil {
		if err := r.jobs.finish(r.ctx, r.writer); err != nil {
			return err
		}
	}
	root, err := r.tree.Store(r.ctx, r.writer)
	if err != nil {
		return fail("error storing blobs: %v", err)
	}
	r.progress.end(fmt.Sprintf("%d keys (%d blobs)", r.progress.keys, r.writer.Count()))
	if err := r.commitRoot(root); err != nil {
		return err
	}
	if !r.noCache {
		if err := r.h.RPC(r.ctx, "content.flush", 0, nil, nil); err != nil {
			fmt.Fprintf(r.err, "flux-restore: error flushing content cache: %s\n", errorText(err))
		}
	}
	return nil
}

// maxRestored is the largest value: RFC 10's largest blob.
const maxRestored = maxKVSInput

// entry restores a member of the archive. What is neither file nor link is
// left out: directories come into being with what is in them.
func (r *restorer) entry(h *tar.Header, data io.Reader) error {
	if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeSymlink {
		return nil
	}
	key, err := archiveKey(h.Name)
	if err != nil {
		return err
	}
	if h.ModTime.After(r.newest) {
		r.newest = h.ModTime
	}
	if h.Typeflag == tar.TypeSymlink {
		return r.put(key, h.Name+" -> "+h.Linkname, symlinkOf(h.Linkname))
	}
	if limit := int64(r.sizeLimit); limit > 0 && h.Size > limit {
		start := ""
		if !r.quiet && !r.verbose {
			start = "\r"
		}
		fmt.Fprintf(r.err, "%s%s size %d exceeds %d limit, skipping\n", start, h.Name, h.Size, limit)
		return nil
	}
	if h.Size > maxRestored {
		return fail("%s: %d bytes are more than a value can have", h.Name, h.Size)
	}
	value := make([]byte, h.Size)
	if _, err := io.ReadFull(data, value); err != nil {
		return fail("%s: %v", h.Name, err)
	}
	if r.jobs != nil {
		if taken, err := r.jobs.value(r.ctx, key, value); taken || err != nil {
			r.progress.done(h.Name)
			return err
		}
	}
	obj, err := r.valueOf(value)
	if err != nil {
		return err
	}
	return r.put(key, h.Name, obj)
}

func (r *restorer) put(key []string, name string, obj treeobj.Object) error {
	if r.jobs != nil {
		if taken, err := r.jobs.object(r.ctx, key, obj); taken || err != nil {
			r.progress.done(name)
			return err
		}
	}
	if err := r.tree.Put(r.ctx, key, obj); err != nil {
		return fail("%s: %v", name, err)
	}
	r.progress.done(name)
	return nil
}

// inlineLimit is the size from which on a value becomes a blob, as in
// flux-core's restore: so that equal archives become equal trees.
const inlineLimit = 72

// valueOf is the object of a value.
func (r *restorer) valueOf(value []byte) (treeobj.Object, error) {
	if len(value) < inlineLimit {
		return treeobj.Val{Data: value}, nil
	}
	ref, err := r.writer.Put(r.ctx, value)
	if err != nil {
		return nil, fail("error storing blobs: %v", err)
	}
	return treeobj.Valref{Refs: []string{ref}}, nil
}

// archiveKey is the key that a path stands for.
func archiveKey(path string) (key []string, err error) {
	for name := range strings.SplitSeq(path, "/") {
		switch name {
		case "", ".":
		case "..":
			return nil, fail("%s: not a path within the archive", path)
		default:
			key = append(key, name)
		}
	}
	if len(key) == 0 {
		return nil, fail("%q: not a path of a file", path)
	}
	return key, nil
}

// symlinkOf is the link whose target flux dump wrote, the namespace before it.
func symlinkOf(target string) treeobj.Object {
	if ns, rest, ok := strings.Cut(target, "::"); ok {
		return treeobj.Symlink{Namespace: ns, Target: rest}
	}
	return treeobj.Symlink{Target: target}
}

// shownDigits is how much of a hash is shown to people.
const shownDigits = 8

// commitRoot puts the restored tree where it was asked for.
func (r *restorer) commitRoot(ref string) error {
	target := "checkpoint for next KVS start"
	if !r.checkpoint {
		target = fmt.Sprintf("KVS key '%s'", r.key)
	}
	if !r.quiet {
		hash, digest, _ := strings.Cut(ref, "-")
		fmt.Fprintf(r.err, "flux-restore: writing snapshot %s-%s to %s\n", hash, digest[:shownDigits], target)
	}
	if !r.checkpoint {
		obj := treeobj.Dirref{Refs: []string{ref}}
		req := rpc.KVSCommit{Namespace: kvsNamespaceName(""), Ops: []rpc.KVSOp{rpc.KVSPut(r.key, obj)}}
		if err := r.h.RPC(r.ctx, "kvs.commit", flux.NodeAny, req, nil); err != nil {
			return fail("error updating %s: %v", r.key, err)
		}
		return nil
	}
	cp := rpc.Checkpoint{Version: 1, Rootref: ref, Timestamp: float64(max(0, r.newest.Unix()))}
	if err := r.putCheckpoint(r.h, r.noCache, cp); err != nil {
		return fail("error updating checkpoint: %v", err)
	}
	return nil
}

// putCheckpoint adds a checkpoint to the backing store's.
func (a *app) putCheckpoint(h *flux.Client, bypass bool, c rpc.Checkpoint) error {
	value, err := message.Marshal(c)
	if err != nil {
		return err
	}
	service, node := contentService(bypass)
	return h.RPC(a.ctx, service+".checkpoint-put", node, rpc.CheckpointPut{Value: value}, nil)
}
