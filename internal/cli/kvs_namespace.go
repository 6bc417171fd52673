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

func (a *app) kvsNamespace() *cobra.Command {
	cmd := a.group("namespace COMMAND", "create, remove and list namespaces")
	cmd.AddCommand(a.namespaceCreate(), a.namespaceRemove(), a.namespaceList())
	return cmd
}

func (a *app) namespaceCreate() *cobra.Command {
	var ownerText, rootref string
	cmd := &cobra.Command{
		Use:   "create NAME...",
		Short: "create namespaces",
		Args:  a.operands(1, -1),
		RunE: func(_ *cobra.Command, names []string) error {
			owner := int64(-1) // the instance owner
			if ownerText != "" {
				n, err := strconv.ParseUint(ownerText, 10, 32)
				if err != nil {
					return fail("--owner requires an unsigned integer argument")
				}
				owner = int64(n)
			}
			return a.createNamespaces(names, owner, rootref)
		},
	}
	cmd.Flags().StringVarP(&ownerText, "owner", "o", "", "The namespaces belong to the user `UID`")
	cmd.Flags().StringVarP(&rootref, "rootref", "r", "", "Begin with the directory that `BLOBREF` names")
	return cmd
}

func (a *app) createNamespaces(names []string, owner int64, rootref string) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	if rootref == "" {
		if rootref, err = a.emptyDirRef(h); err != nil {
			return err
		}
	}
	for _, name := range names {
		req := rpc.KVSNamespaceCreate{Namespace: name, Rootref: rootref, Owner: owner}
		if err := h.RPC(a.ctx, "kvs.namespace-create", 0, req, nil); err != nil {
			return fail("%s: %v", name, err)
		}
	}
	return nil
}

// emptyDirRef is the blobref of the empty directory.
func (a *app) emptyDirRef(h *flux.Client) (string, error) {
	name, err := h.Attr(a.ctx, "content.hash")
	if err != nil {
		return "", fail("content.hash: %v", err)
	}
	hash, err := treeobj.ParseHash(name)
	if err != nil {
		return "", err
	}
	return treeobj.Blobref(hash, treeobj.Encode(treeobj.NewDir())), nil
}

func (a *app) namespaceRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME...",
		Short: "remove namespaces",
		Args:  a.operands(1, -1),
		RunE: func(_ *cobra.Command, names []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			for _, name := range names {
				if err := h.RPC(a.ctx, "kvs.namespace-remove", 0, rpc.KVSNamespaceRemove{Namespace: name}, nil); err != nil {
					return fail("%s: %v", name, err)
				}
			}
			return nil
		},
	}
}

func (a *app) namespaceList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the namespaces that this rank knows",
		Args:  a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			var list rpc.KVSNamespaceList
			if err := h.RPC(a.ctx, "kvs.namespace-list", flux.NodeAny, nil, &list); err != nil {
				return fail("kvs.namespace-list: %v", err)
			}
			fmt.Fprintln(a.out, "NAMESPACE                                 OWNER      FLAGS")
			for _, n := range list.Namespaces {
				fmt.Fprintf(a.out, "%-36s %10d 0x%08X\n", n.Namespace, uint32(n.Owner), n.Flags)
			}
			return nil
		},
	}
}
