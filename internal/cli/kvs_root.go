// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/rpc"
	"goflux/treeobj"
)

// kvsRoot is the root of a namespace.
func (a *app) kvsRoot(namespace string) (rpc.KVSGetrootResponse, error) {
	var root rpc.KVSGetrootResponse
	h, err := a.open()
	if err != nil {
		return root, err
	}
	req := rpc.KVSGetroot{Namespace: kvsNamespaceName(namespace)}
	if err := h.RPC(a.ctx, "kvs.getroot", flux.NodeAny, req, &root); err != nil {
		return root, fail("kvs.getroot: %v", err)
	}
	return root, nil
}

func (a *app) kvsGetroot() *cobra.Command {
	var owner, blobref, sequence bool
	cmd := &cobra.Command{Use: "getroot", Short: "print the root of a namespace", Args: a.operands(0, 0)}
	namespace := namespaceFlag(cmd)
	fs := cmd.Flags()
	fs.BoolVarP(&sequence, "sequence", "s", false, "Print the version")
	fs.BoolVarP(&owner, "owner", "o", false, "Print the owner's user id")
	fs.BoolVarP(&blobref, "blobref", "b", false, "Print the blobref")
	cmd.RunE = func(*cobra.Command, []string) error {
		root, err := a.kvsRoot(*namespace)
		switch {
		case err != nil:
			return err
		case owner:
			fmt.Fprintln(a.out, uint32(root.Owner))
		case sequence:
			fmt.Fprintln(a.out, root.Rootseq)
		case blobref:
			fmt.Fprintln(a.out, root.Rootref)
		default:
			fmt.Fprintf(a.out, "%s\n", treeobj.Encode(treeobj.Dirref{Refs: []string{root.Rootref}}))
		}
		return nil
	}
	return cmd
}

func (a *app) kvsVersion() *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "print the version of a namespace", Args: a.operands(0, 0)}
	namespace := namespaceFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		root, err := a.kvsRoot(*namespace)
		if err == nil {
			fmt.Fprintln(a.out, root.Rootseq)
		}
		return err
	}
	return cmd
}

func (a *app) kvsWait() *cobra.Command {
	cmd := &cobra.Command{Use: "wait VERSION", Short: "wait for a version", Args: a.operands(1, 1)}
	namespace := namespaceFlag(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		n, err := strconv.ParseUint(args[0], 10, 31)
		if err != nil {
			return fail("wait: specify a version")
		}
		h, err := a.open()
		if err != nil {
			return err
		}
		req := rpc.KVSWaitVersion{Rootseq: int(n), Namespace: kvsNamespaceName(*namespace)}
		if err := h.RPC(a.ctx, "kvs.wait-version", flux.NodeAny, req, nil); err != nil {
			return fail("flux_kvs_wait_version: %s", fullErrorText(err))
		}
		return nil
	}
	return cmd
}

// kvsSync commits nothing and waits until all before it is durable.
func (a *app) kvsSync() *cobra.Command {
	return &cobra.Command{
		Use:   "sync",
		Short: "wait until the primary namespace would survive a crash",
		Args:  a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			_, err = a.commit(h, "", kvsSync, nil)
			return err
		},
	}
}
