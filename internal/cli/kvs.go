// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"os"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/rpc"
	"goflux/treeobj"
)

// newKVS is flux kvs.
func newKVS(a *app) *cobra.Command {
	cmd := a.group("kvs COMMAND", "read and write the key-value store")
	cmd.Annotations = map[string]string{helpFails: "true"}
	cmd.AddCommand(a.kvsNamespace(), a.kvsGet(), a.kvsPut(), a.kvsDir(), a.kvsLs(), a.kvsUnlink(), a.kvsLink(),
		a.kvsReadlink(), a.kvsMkdir(), a.kvsCopy("copy", false), a.kvsCopy("move", true), a.kvsVersion(), a.kvsWait(),
		a.kvsGetroot(), a.kvsSync(), a.kvsEventlog())
	return cmd
}

// Flags of KVS lookups.
const (
	kvsReaddir     = 1
	kvsReadlink    = 2
	kvsWatch       = 4
	kvsWaitCreate  = 8
	kvsTreeobj     = 16
	kvsWatchFull   = 64
	kvsWatchUniq   = 128
	kvsWatchAppend = 256
	kvsStream      = 512
)

// kvsAppend is the flag of an operation that appends.
const kvsAppend = 32

// Flags of KVS commits.
const (
	kvsNoMerge = 1
	kvsSync    = 4
)

// namespaceFlag adds -N. "" stands for the environment's namespace.
func namespaceFlag(cmd *cobra.Command) *string {
	return cmd.Flags().StringP("namespace", "N", "", "Use another namespace (`NAME`)")
}

// kvsNamespaceName is the namespace to use: the one given, that of the
// environment, or primary.
func kvsNamespaceName(given string) string {
	if given != "" {
		return given
	}
	if ns := os.Getenv("FLUX_KVS_NAMESPACE"); ns != "" {
		return ns
	}
	return "primary"
}

// kvsView is what lookups look in: a namespace, or the tree of a directory
// reference.
type kvsView struct {
	namespace string
	root      *treeobj.JSON
}

// newKVSView looks in namespace, or below a directory reference given as JSON.
func newKVSView(namespace, at string) (kvsView, error) {
	if at == "" {
		return kvsView{namespace: kvsNamespaceName(namespace)}, nil
	}
	o, err := treeobj.Decode([]byte(at))
	if err != nil {
		return kvsView{}, fail("--at: %v", err)
	}
	return kvsView{root: &treeobj.JSON{Object: o}}, nil
}

// request is the lookup of a key.
func (v kvsView) request(key string, flags int) rpc.KVSLookup {
	return rpc.KVSLookup{Key: key, Namespace: v.namespace, Rootdir: v.root, Flags: flags}
}

// lookup returns the object at a key. A flag that watches or waits is sent to
// the service that can.
func (a *app) lookup(h *flux.Client, v kvsView, key string, flags int) (treeobj.Object, error) {
	topic := "kvs.lookup"
	if flags&kvsWaitCreate != 0 {
		topic = "kvs-watch.lookup"
	}
	var resp rpc.KVSValue
	if err := h.RPC(a.ctx, topic, flux.NodeAny, v.request(key, flags), &resp); err != nil {
		return nil, fail("%s: %v", key, err)
	}
	return resp.Val.Object, nil
}

// lookupDir returns the directory at a key.
func (a *app) lookupDir(h *flux.Client, v kvsView, key string) (*treeobj.Dir, error) {
	o, err := a.lookup(h, v, key, kvsReaddir)
	if err != nil {
		return nil, err
	}
	dir, ok := o.(*treeobj.Dir)
	if !ok {
		return nil, fail("%s: Not a directory", key)
	}
	return dir, nil
}

// commit makes a transaction.
func (a *app) commit(h *flux.Client, namespace string, flags int, ops []rpc.KVSOp) (rpc.KVSRoot, error) {
	if ops == nil {
		ops = []rpc.KVSOp{}
	}
	req := rpc.KVSCommit{Namespace: kvsNamespaceName(namespace), Flags: flags, Ops: ops}
	var root rpc.KVSRoot
	if err := h.RPC(a.ctx, "kvs.commit", flux.NodeAny, req, &root); err != nil {
		return root, fail("flux_kvs_commit: %s", fullErrorText(err))
	}
	return root, nil
}

// valueBytes are the bytes of a value.
func valueBytes(key string, o treeobj.Object) ([]byte, error) {
	if v, ok := o.(treeobj.Val); ok {
		return v.Data, nil
	}
	return nil, fail("%s: not a value but a %s", key, o.Kind())
}
