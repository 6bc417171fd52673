// SPDX-License-Identifier: LGPL-3.0-or-later

package startlog

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"goflux/eventlog"
	"goflux/internal/install"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/treeobj"
)

// Key is where the log is; Version is that of its events' contexts.
const (
	Key     = "admin.eventlog"
	Version = 1
)

// Flags of kvs.commit and its operations.
const (
	kvsSync   = 4
	kvsAppend = 32
)

// Caller calls services.
type Caller interface {
	RPC(ctx context.Context, topic string, req, resp any) error
}

// Log is a start log of an instance.
type Log struct {
	Caller  Caller
	Key     string
	Version int
}

// eventContext is the context of an event.
type eventContext struct {
	Version int    `json:"version"`
	Core    string `json:"core_version,omitzero"`
}

// Started posts that the instance has been started, Finished that it ends.
func (l Log) Started(ctx context.Context) error {
	return l.post(ctx, "start", eventContext{l.Version, install.CoreVersion}, kvsSync)
}

// Finished posts that the instance ends.
func (l Log) Finished(ctx context.Context) error {
	return l.post(ctx, "finish", eventContext{Version: l.Version}, 0)
}

func (l Log) post(ctx context.Context, name string, c eventContext, flags int) error {
	e, err := eventlog.New(float64(time.Now().UnixMicro())/1e6, name, c)
	if err != nil {
		return err
	}
	op := rpc.KVSPut(l.Key, treeobj.Val{Data: e.Append(nil)})
	op.Flags = kvsAppend
	req := rpc.KVSCommit{Namespace: "primary", Flags: flags, Ops: []rpc.KVSOp{op}}
	if err := l.Caller.RPC(ctx, "kvs.commit", req, nil); err != nil {
		return fmt.Errorf("Error committing %s event: %w", name, err)
	}
	return nil
}

// Run is one life of the instance.
type Run struct {
	Start, End time.Time // End is zero for a crash and while it runs
	Core       string    // the version that was started
	Crashed    bool
}

// Read returns the lives in the log, the present one last. ENOENT when there
// is no log.
func (l Log) Read(ctx context.Context) ([]Run, error) {
	var resp rpc.KVSValue
	req := rpc.KVSLookup{Key: l.Key, Namespace: "primary"}
	if err := l.Caller.RPC(ctx, "kvs.lookup", req, &resp); err != nil {
		return nil, fmt.Errorf("Error fetching eventlog: %w", err)
	}
	val, ok := resp.Val.Object.(treeobj.Val)
	if !ok {
		return nil, message.Errorf(syscall.EISDIR, "Error fetching eventlog: %s is not a value", l.Key)
	}
	entries, err := eventlog.Parse(val.Data)
	if err != nil {
		return nil, fmt.Errorf("Error decoding eventlog: %w", err)
	}
	return l.runs(entries), nil
}

// runs makes lives of events. Entries that are none of ours are passed over.
func (l Log) runs(entries []eventlog.Entry) []Run {
	var runs []Run
	running := false
	for _, e := range entries {
		var c eventContext
		if err := e.UnmarshalContext(&c); err != nil || c.Version < 0 || c.Version > l.Version || e.Context == nil {
			continue
		}
		at := time.UnixMicro(int64(e.Timestamp * 1e6))
		switch {
		case e.Name == "start":
			if running {
				runs[len(runs)-1].Crashed = true
			}
			runs = append(runs, Run{Start: at, Core: c.Core})
			running = true
		case e.Name == "finish" && running:
			runs[len(runs)-1].End = at
			running = false
		}
	}
	return runs
}

// CrashedLast tells whether the life before the present one ended in a crash.
func CrashedLast(runs []Run) bool {
	for i := len(runs) - 1; i >= 0; i-- {
		if runs[i].Crashed {
			return true
		}
		if !runs[i].End.IsZero() {
			return false
		}
	}
	return false
}

// IsMissing tells that there is no log yet.
func IsMissing(err error) bool { return errors.Is(err, syscall.ENOENT) }
