// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bytes"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/rpc"
	"goflux/treeobj"
)

type kvsGetOptions struct {
	namespace                                             *string
	raw, treeobj, label                                   bool
	waitcreate, watch, uniq, appendOnly, full, streamFlag bool
	at                                                    string
	count                                                 int
}

func (a *app) kvsGet() *cobra.Command {
	var o kvsGetOptions
	cmd := &cobra.Command{
		Use:   "get KEY...",
		Short: "print values",
		Args:  a.operands(1, -1),
		RunE:  func(_ *cobra.Command, args []string) error { return a.kvsGetKeys(o, args) },
	}
	o.namespace = namespaceFlag(cmd)
	fs := cmd.Flags()
	fs.BoolVarP(&o.raw, "raw", "r", false, "Print values without a newline")
	fs.BoolVarP(&o.treeobj, "treeobj", "t", false, "Print RFC 11 tree objects")
	fs.StringVarP(&o.at, "at", "a", "", "Look below a directory reference (`TREEOBJ`)")
	fs.BoolVarP(&o.label, "label", "l", false, "Print KEY= before values")
	fs.BoolVarP(&o.waitcreate, "waitcreate", "W", false, "Wait until the key exists")
	fs.BoolVarP(&o.watch, "watch", "w", false, "Print each new value too")
	fs.BoolVarP(&o.uniq, "uniq", "u", false, "With --watch, print only values that differ from the last")
	fs.BoolVarP(&o.appendOnly, "append", "A", false, "With --watch, print what was appended")
	fs.BoolVarP(&o.full, "full", "f", false, "With --watch, note changes made by way of other keys")
	fs.IntVarP(&o.count, "count", "c", 0, "With --watch, end after `N` values")
	fs.BoolVarP(&o.streamFlag, "stream", "S", false, "Fetch a large value in pieces")
	return cmd
}

// flags are those of the lookup.
func (o kvsGetOptions) flags() int {
	flags := 0
	set := func(on bool, flag int) {
		if on {
			flags |= flag
		}
	}
	set(o.treeobj, kvsTreeobj)
	set(o.watch, kvsWatch)
	set(o.watch && o.full, kvsWatchFull)
	set(o.watch && o.uniq, kvsWatchUniq)
	set(o.watch && o.appendOnly, kvsWatchAppend)
	set(o.waitcreate, kvsWaitCreate)
	set(o.streamFlag, kvsStream)
	return flags
}

func (a *app) kvsGetKeys(o kvsGetOptions, keys []string) error {
	v, err := newKVSView(*o.namespace, o.at)
	if err != nil {
		return err
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	if o.watch {
		return a.kvsWatchKeys(h, o, v, keys)
	}
	for _, key := range keys {
		if o.streamFlag {
			err = a.kvsStreamKey(h, o, v, key)
		} else {
			var obj treeobj.Object
			if obj, err = a.lookup(h, v, key, o.flags()); err == nil {
				err = a.printValue(o, key, obj)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// printValue prints an object as the options say.
func (a *app) printValue(o kvsGetOptions, key string, obj treeobj.Object) error {
	var text []byte
	if o.treeobj {
		text = append(treeobj.Encode(obj), '\n')
	} else {
		data, err := valueBytes(key, obj)
		if err != nil {
			return err
		}
		if text = data; !o.raw && len(data) > 0 {
			text, _, _ = bytes.Cut(data, []byte{0})
			if !o.streamFlag {
				text = append(bytes.Clone(text), '\n')
			}
		}
	}
	if o.label {
		a.out.WriteString(key + "=")
	}
	a.out.Write(text)
	return nil
}

// kvsStreamKey prints a value that comes in several responses.
func (a *app) kvsStreamKey(h *flux.Client, o kvsGetOptions, v kvsView, key string) error {
	call, err := h.Stream("kvs-watch.lookup", flux.NodeAny, v.request(key, o.flags()))
	if err != nil {
		return fail("%s: %v", key, err)
	}
	any := false
	for {
		var resp rpc.KVSValue
		if err := call.Get(a.ctx, &resp); isEndOfStream(err) {
			break
		} else if err != nil {
			return fail("%s: %v", key, err)
		}
		if err := a.printValue(o, key, resp.Val.Object); err != nil {
			return err
		}
		if data, ok := resp.Val.Object.(treeobj.Val); ok && len(data.Data) > 0 {
			any = true
		}
	}
	if any && !o.raw && !o.treeobj {
		a.out.WriteByte('\n')
	}
	return nil
}

// kvsWatchKeys prints the values of keys as they change.
func (a *app) kvsWatchKeys(h *flux.Client, o kvsGetOptions, v kvsView, keys []string) error {
	type change struct {
		key string
		obj treeobj.Object
		err error
	}
	changes := make(chan change)
	for _, key := range keys {
		call, err := h.Stream("kvs-watch.lookup", flux.NodeAny, v.request(key, o.flags()))
		if err != nil {
			return fail("%s: %v", key, err)
		}
		go func() {
			for {
				var resp rpc.KVSValue
				err := call.Get(a.ctx, &resp)
				changes <- change{key, resp.Val.Object, err}
				if err != nil {
					return
				}
			}
		}()
	}
	seen := 0
	for left := len(keys); left > 0; {
		c := <-changes
		if isEndOfStream(c.err) {
			left--
			continue
		}
		if c.err != nil {
			return fail("%s: %v", c.key, c.err)
		}
		if err := a.printValue(o, c.key, c.obj); err != nil {
			return err
		}
		a.flush()
		if seen++; seen == o.count {
			return nil
		}
	}
	return nil
}
