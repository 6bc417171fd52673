// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/rpc"
	"goflux/treeobj"
)

// maxKVSInput bounds a value read from standard input: RFC 10's largest blob.
const maxKVSInput = 1 << 30

// commitReport are the options that say what to print after a commit.
type commitReport struct {
	treeobj, blobref, sequence bool
}

func reportFlags(cmd *cobra.Command) *commitReport {
	r := new(commitReport)
	fs := cmd.Flags()
	fs.BoolVarP(&r.treeobj, "treeobj-root", "O", false, "Print the new root as an RFC 11 tree object")
	fs.BoolVarP(&r.blobref, "blobref", "b", false, "Print the new root's blobref")
	fs.BoolVarP(&r.sequence, "sequence", "s", false, "Print the new root's version")
	return r
}

// commitAndReport makes a transaction and prints the new root as asked for.
func (a *app) commitAndReport(h *flux.Client, namespace string, flags int, ops []rpc.KVSOp, r *commitReport) error {
	root, err := a.commit(h, namespace, flags, ops)
	switch {
	case err != nil:
		return err
	case r.treeobj:
		fmt.Fprintf(a.out, "%s\n", treeobj.Encode(treeobj.Dirref{Refs: []string{root.Rootref}}))
	case r.blobref:
		fmt.Fprintln(a.out, root.Rootref)
	case r.sequence:
		fmt.Fprintln(a.out, root.Rootseq)
	}
	return nil
}

type kvsPutOptions struct {
	raw, treeobj, noMerge, appendTo, sync bool
}

func (a *app) kvsPut() *cobra.Command {
	var o kvsPutOptions
	cmd := &cobra.Command{Use: "put KEY=VALUE...", Short: "store values", Args: a.operands(1, -1)}
	namespace := namespaceFlag(cmd)
	report := reportFlags(cmd)
	fs := cmd.Flags()
	fs.BoolVarP(&o.raw, "raw", "r", false, "Store the value as it is; - reads it from standard input")
	fs.BoolVarP(&o.treeobj, "treeobj", "t", false, "The value is an RFC 11 tree object; - reads it from standard input")
	fs.BoolVarP(&o.noMerge, "no-merge", "n", false, "Do not combine the commit with others")
	fs.BoolVarP(&o.appendTo, "append", "A", false, "Append to the present value")
	fs.BoolVarP(&o.sync, "sync", "S", false, "Wait until it would survive a crash")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		ops, err := a.putOps(o, args)
		if err != nil {
			return err
		}
		h, err := a.open()
		if err != nil {
			return err
		}
		flags := 0
		if o.noMerge {
			flags |= kvsNoMerge
		}
		if o.sync {
			flags |= kvsSync
		}
		return a.commitAndReport(h, *namespace, flags, ops, report)
	}
	return cmd
}

// putOps are the operations that store KEY=VALUE arguments.
func (a *app) putOps(o kvsPutOptions, args []string) ([]rpc.KVSOp, error) {
	var ops []rpc.KVSOp
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, fail("put: you must specify a value as key=value")
		}
		data := []byte(value)
		if value == "-" && (o.raw || o.treeobj) {
			var err error
			if data, err = io.ReadAll(io.LimitReader(a.in, maxKVSInput)); err != nil {
				return nil, fail("stdin: %v", err)
			}
		}
		if !o.treeobj {
			op := rpc.KVSPut(key, treeobj.Val{Data: data})
			if o.appendTo {
				op.Flags = kvsAppend
			}
			ops = append(ops, op)
			continue
		}
		obj, err := treeobj.Decode(data)
		if err != nil {
			return nil, fail("%s: %v", key, err)
		}
		ops = append(ops, rpc.KVSPut(key, obj))
	}
	return ops, nil
}

func (a *app) kvsUnlink() *cobra.Command {
	var recursive, force bool
	cmd := &cobra.Command{Use: "unlink KEY...", Short: "remove keys", Args: a.operands(1, -1)}
	namespace := namespaceFlag(cmd)
	report := reportFlags(cmd)
	cmd.Flags().BoolVarP(&recursive, "recursive", "R", false, "Remove directories with what is in them")
	cmd.Flags().BoolVarP(&force, "force", "f", false, "It is no mistake if a key does not exist")
	cmd.RunE = func(_ *cobra.Command, keys []string) error {
		h, err := a.open()
		if err != nil {
			return err
		}
		v := kvsView{namespace: kvsNamespaceName(*namespace)}
		var ops []rpc.KVSOp
		for _, key := range keys {
			switch err := a.checkUnlink(h, v, key, recursive); {
			case err == nil:
				ops = append(ops, rpc.KVSUnlink(key))
			case !force || !errors.Is(err, syscall.ENOENT):
				return fail("cannot unlink '%s': %s", key, flux.ErrorText(err))
			}
		}
		if len(ops) == 0 && *report == (commitReport{}) {
			return nil
		}
		return a.commitAndReport(h, *namespace, 0, ops, report)
	}
	return cmd
}

// checkUnlink refuses keys that do not exist and, unless recursive,
// directories that are not empty.
func (a *app) checkUnlink(h *flux.Client, v kvsView, key string, recursive bool) error {
	o, err := a.lookup(h, v, key, kvsTreeobj)
	if err != nil || recursive {
		return err
	}
	dir, ok := o.(*treeobj.Dir)
	if o.Kind() == treeobj.KindDirref {
		if dir, err = a.lookupDir(h, v, key); err != nil {
			return err
		}
		ok = true
	}
	if ok && dir.Len() > 0 {
		return syscall.ENOTEMPTY
	}
	return nil
}

func (a *app) kvsLink() *cobra.Command {
	cmd := &cobra.Command{Use: "link TARGET LINKNAME", Short: "make a symbolic link", Args: a.operands(2, 2)}
	namespace := namespaceFlag(cmd)
	target := cmd.Flags().StringP("target-namespace", "T", "", "The target is in another namespace (`NAME`)")
	report := reportFlags(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		h, err := a.open()
		if err != nil {
			return err
		}
		ops := []rpc.KVSOp{rpc.KVSPut(args[1], treeobj.Symlink{Namespace: *target, Target: args[0]})}
		return a.commitAndReport(h, *namespace, 0, ops, report)
	}
	return cmd
}

func (a *app) kvsReadlink() *cobra.Command {
	var at string
	var namespaceOnly, keyOnly bool
	cmd := &cobra.Command{Use: "readlink KEY...", Short: "print what symbolic links point to", Args: a.operands(1, -1)}
	namespace := namespaceFlag(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&at, "at", "a", "", "Look below a directory reference (`TREEOBJ`)")
	fs.BoolVarP(&namespaceOnly, "namespace-only", "o", false, "Print only the namespace of a target that has one")
	fs.BoolVarP(&keyOnly, "key-only", "k", false, "Print only the key of a target")
	cmd.RunE = func(_ *cobra.Command, keys []string) error {
		v, err := newKVSView(*namespace, at)
		if err != nil {
			return err
		}
		h, err := a.open()
		if err != nil {
			return err
		}
		for _, key := range keys {
			o, err := a.lookup(h, v, key, kvsReadlink)
			if err != nil {
				return err
			}
			link, ok := o.(treeobj.Symlink)
			switch {
			case !ok:
				return fail("%s: %v", key, syscall.EINVAL)
			case namespaceOnly && link.Namespace != "":
				fmt.Fprintln(a.out, link.Namespace)
			case keyOnly:
				fmt.Fprintln(a.out, link.Target)
			default:
				fmt.Fprintln(a.out, linkText(link))
			}
		}
		return nil
	}
	return cmd
}

// linkText is a link's target: KEY or NAMESPACE::KEY.
func linkText(link treeobj.Symlink) string {
	if link.Namespace == "" {
		return link.Target
	}
	return link.Namespace + "::" + link.Target
}

func (a *app) kvsMkdir() *cobra.Command {
	cmd := &cobra.Command{Use: "mkdir KEY...", Short: "make directories", Args: a.operands(1, -1)}
	namespace := namespaceFlag(cmd)
	report := reportFlags(cmd)
	cmd.RunE = func(_ *cobra.Command, keys []string) error {
		h, err := a.open()
		if err != nil {
			return err
		}
		var ops []rpc.KVSOp
		for _, key := range keys {
			ops = append(ops, rpc.KVSPut(key, treeobj.NewDir()))
		}
		return a.commitAndReport(h, *namespace, 0, ops, report)
	}
	return cmd
}

// kvsCopy is copy, or move when the source is removed afterwards.
func (a *app) kvsCopy(name string, move bool) *cobra.Command {
	short := "copy a key, or a directory by reference"
	if move {
		short = "copy a key, then remove the source"
	}
	cmd := &cobra.Command{
		Use:   name + " SOURCE DESTINATION",
		Short: short,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fail("%s: specify srckey dstkey", name)
			}
			return nil
		},
	}
	from := cmd.Flags().StringP("src-namespace", "S", "", "The source's namespace (`NAME`)")
	to := cmd.Flags().StringP("dst-namespace", "D", "", "The destination's namespace (`NAME`)")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		h, err := a.open()
		if err != nil {
			return err
		}
		o, err := a.lookup(h, kvsView{namespace: kvsNamespaceName(*from)}, args[0], kvsTreeobj)
		if err != nil {
			return err
		}
		if _, err := a.commit(h, *to, 0, []rpc.KVSOp{rpc.KVSPut(args[1], o)}); err != nil || !move {
			return err
		}
		_, err = a.commit(h, *from, 0, []rpc.KVSOp{rpc.KVSUnlink(args[0])})
		return err
	}
	return cmd
}
