// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/treeobj"
)

// newContent is flux content.
func newContent(a *app) *cobra.Command {
	cmd := a.group("content COMMAND", "read and write the content store")
	checkpoint := a.group("checkpoint COMMAND", "list and update checkpoints")
	checkpoint.AddCommand(a.checkpointList(), a.checkpointUpdate())
	cmd.AddCommand(a.contentLoad(), a.contentStore(), a.contentSimple("flush", "write blobs that are only in memory"),
		a.contentSimple("dropcache", "drop what the cache can do without"), checkpoint)
	return cmd
}

// contentService is where blobs are read and written: the cache, or what is
// behind it on the leader.
func contentService(bypass bool) (service string, node uint32) {
	if bypass {
		return "content-backing", 0
	}
	return "content", flux.NodeAny
}

func (a *app) contentLoad() *cobra.Command {
	var bypass bool
	cmd := &cobra.Command{
		Use:   "load [BLOBREF...]",
		Short: "print blobs, named by arguments or by the lines of standard input",
		RunE:  func(_ *cobra.Command, refs []string) error { return a.loadBlobs(bypass, refs) },
	}
	cmd.Flags().BoolVarP(&bypass, "bypass-cache", "b", false, "Read from the backing store")
	return cmd
}

func (a *app) loadBlobs(bypass bool, refs []string) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	if len(refs) == 0 {
		lines := bufio.NewScanner(a.in)
		for lines.Scan() {
			refs = append(refs, strings.TrimSpace(lines.Text()))
		}
		if err := lines.Err(); err != nil {
			return fail("stdin: %v", err)
		}
		if len(refs) == 0 {
			return fail("no blobrefs were specified")
		}
	}
	service, node := contentService(bypass)
	for _, ref := range refs {
		_, digest, err := treeobj.ParseBlobref(ref)
		if err != nil {
			return fail("error loading blob: %v", err)
		}
		call, err := h.Go(service+".load", node, digest)
		if err != nil {
			return fail("error loading blob: %v", err)
		}
		m, err := call.Message(a.ctx)
		if err != nil {
			return fail("error loading blob: %v", err)
		}
		a.out.Write(m.Payload())
	}
	return nil
}

func (a *app) contentStore() *cobra.Command {
	var bypass bool
	var chunk int
	cmd := &cobra.Command{
		Use:   "store",
		Short: "store standard input and print its blobref",
		Args:  a.operands(0, 0),
		RunE:  func(*cobra.Command, []string) error { return a.storeBlobs(bypass, chunk) },
	}
	cmd.Flags().BoolVarP(&bypass, "bypass-cache", "b", false, "Write to the backing store")
	cmd.Flags().IntVar(&chunk, "chunksize", 0, "Store blobs of `N` bytes")
	return cmd
}

func (a *app) storeBlobs(bypass bool, chunk int) error {
	if chunk < 0 {
		return fail("--chunksize: %d is not a size", chunk)
	}
	data, err := io.ReadAll(io.LimitReader(a.in, maxKVSInput))
	if err != nil {
		return fail("read from stdin: %v", err)
	}
	h, err := a.open()
	if err != nil {
		return err
	}
	name, err := h.Attr(a.ctx, "content.hash")
	if err != nil {
		return fail("content.hash: %v", err)
	}
	hash, err := treeobj.ParseHash(name)
	if err != nil {
		return err
	}
	if chunk <= 0 || chunk > len(data) {
		chunk = max(len(data), 1)
	}
	for first := true; first || len(data) > 0; first = false {
		n := min(chunk, len(data))
		ref, err := a.storeBlob(h, bypass, hash, data[:n])
		if err != nil {
			return fail("error storing blob: %v", err)
		}
		fmt.Fprintln(a.out, ref)
		data = data[n:]
	}
	return nil
}

func (a *app) storeBlob(h *flux.Client, bypass bool, hash treeobj.Hash, blob []byte) (string, error) {
	service, node := contentService(bypass)
	call, err := h.Go(service+".store", node, blob)
	if err != nil {
		return "", err
	}
	m, err := call.Message(a.ctx)
	if err != nil {
		return "", err
	}
	return treeobj.BlobrefOf(hash, m.Payload())
}

// contentSimple is a command that is one request.
func (a *app) contentSimple(name, short string) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Args:  a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			if err := h.RPC(a.ctx, "content."+name, flux.NodeAny, nil, nil); err != nil {
				return fail("content.%s: %s", name, withErrno(err))
			}
			return nil
		},
	}
}

func (a *app) checkpointList() *cobra.Command {
	var noHeader, asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the checkpoints, the newest first",
		Args:  a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			var resp rpc.CheckpointGet
			if err := h.RPC(a.ctx, "content.checkpoint-get", 0, nil, &resp); err != nil {
				return fail("content.checkpoint-get: %v", err)
			}
			if !noHeader && !asJSON {
				fmt.Fprintf(a.out, "%-10s %-10s %-20s %s\n", "Index", "Sequence", "Time", "Rootref")
			}
			for i, v := range resp.Value {
				if err := a.printCheckpoint(i, v, asJSON); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&noHeader, "no-header", "n", false, "Print no header")
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "Print the checkpoints' JSON")
	return cmd
}

func (a *app) printCheckpoint(i int, v jsontext.Value, asJSON bool) error {
	if asJSON {
		if err := v.Compact(); err != nil {
			return fail("error parsing checkpoint: %v", err)
		}
		fmt.Fprintf(a.out, "%s\n", v)
		return nil
	}
	var c rpc.Checkpoint
	if err := message.Unmarshal(v, &c); err != nil {
		return fail("error parsing checkpoint: %v", err)
	}
	seconds, fraction := math.Modf(c.Timestamp)
	when := time.Unix(int64(seconds), int64(fraction*1e9)).UTC().Format("2006-01-02T15:04:05Z")
	fmt.Fprintf(a.out, "%-10d %-10d %-20s %s\n", i, c.Sequence, when, c.Rootref)
	return nil
}

func (a *app) checkpointUpdate() *cobra.Command {
	return &cobra.Command{
		Use:   "update BLOBREF",
		Short: "make a blob the root that a restart begins with",
		Args:  a.operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := treeobj.CheckBlobref(args[0]); err != nil {
				return fail("invalid blobref specified: %v", err)
			}
			h, err := a.open()
			if err != nil {
				return err
			}
			if err := h.RPC(a.ctx, "kvs.getroot", 0, rpc.KVSGetroot{Namespace: "primary"}, nil); !errors.Is(err, syscall.ENOSYS) {
				return fail("please unload kvs module before updating checkpoint")
			}
			value, err := message.Marshal(rpc.Checkpoint{Version: 1, Rootref: args[0], Timestamp: float64(time.Now().UnixMicro()) / 1e6})
			if err != nil {
				return err
			}
			if err := h.RPC(a.ctx, "content.checkpoint-put", 0, rpc.CheckpointPut{Value: value}, nil); err != nil {
				return fail("checkpoint update failed: %v", err)
			}
			return nil
		},
	}
}
