// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/eventlog"
	"goflux/flux"
	"goflux/fsd"
	"goflux/internal/rpc"
	"goflux/treeobj"
)

func (a *app) kvsEventlog() *cobra.Command {
	cmd := a.group("eventlog COMMAND", "read and write event logs (RFC 18)")
	cmd.AddCommand(a.eventlogAppend(), a.eventlogGet(), a.eventlogWaitEvent())
	return cmd
}

func (a *app) eventlogAppend() *cobra.Command {
	var timestamp string
	cmd := &cobra.Command{Use: "append KEY NAME [CONTEXT...]", Short: "append an event", Args: a.operands(2, -1)}
	namespace := namespaceFlag(cmd)
	cmd.Flags().StringVarP(&timestamp, "timestamp", "t", "", "The event's time in seconds since the epoch (`SECONDS`)")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		when := float64(time.Now().UnixMicro()) / 1e6
		if timestamp != "" {
			var err error
			if when, err = strconv.ParseFloat(timestamp, 64); err != nil {
				return fail("--timestamp: %q is not a number", timestamp)
			}
		}
		var about any
		if len(args) > 2 {
			about = jsontext.Value(strings.Join(args[2:], " "))
		}
		e, err := eventlog.New(when, args[1], about)
		if err != nil {
			return err
		}
		h, err := a.open()
		if err != nil {
			return err
		}
		op := rpc.KVSPut(args[0], treeobj.Val{Data: e.Append(nil)})
		op.Flags = kvsAppend
		_, err = a.commit(h, *namespace, 0, []rpc.KVSOp{op})
		return err
	}
	return cmd
}

// eventFormatFlags adds the options on how events are shown; the function it
// returns makes the formatter they ask for.
func (a *app) eventFormatFlags(cmd *cobra.Command) func() (*eventlog.Formatter, error) {
	fs := cmd.Flags()
	unformatted := fs.BoolP("unformatted", "u", false, "Print events in RFC 18 form")
	human := fs.BoolP("human", "H", false, "Print short times and, on a terminal, colours")
	when := colorFlag(cmd, "L")
	return func() (*eventlog.Formatter, error) {
		if *unformatted && (*human || *when == "always") {
			return nil, fail("Do not specify --unformatted with --human or --color=always")
		}
		color, err := a.color(*when)
		if err != nil {
			return nil, err
		}
		f := &eventlog.Formatter{Color: color}
		if *unformatted {
			f.Format = eventlog.JSON
		}
		if *human {
			f.Time = eventlog.Human
		}
		return f, nil
	}
}

func (a *app) eventlogGet() *cobra.Command {
	var waitcreate, watch, stream bool
	var count int
	cmd := &cobra.Command{Use: "get KEY", Short: "print an event log", Args: a.operands(1, 1)}
	namespace := namespaceFlag(cmd)
	fs := cmd.Flags()
	fs.BoolVarP(&waitcreate, "waitcreate", "W", false, "Wait until the key exists")
	fs.BoolVarP(&watch, "watch", "w", false, "Print events as they are appended")
	fs.IntVarP(&count, "count", "c", 0, "With --watch, end after `N` events")
	formatter := a.eventFormatFlags(cmd)
	fs.BoolVarP(&stream, "stream", "S", false, "Fetch a large log in pieces")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		f, err := formatter()
		if err != nil {
			return err
		}
		h, err := a.open()
		if err != nil {
			return err
		}
		flags, printed := 0, 0
		if waitcreate {
			flags |= kvsWaitCreate
		}
		if watch {
			flags |= kvsWatch | kvsWatchAppend
		}
		if stream {
			flags |= kvsStream
		}
		v := kvsView{namespace: kvsNamespaceName(*namespace)}
		return a.readEventlog(a.ctx, h, v, args[0], flags, func(e eventlog.Entry) bool {
			a.out.Write(f.Append(nil, e))
			printed++
			return !watch || printed != count
		})
	}
	return cmd
}

// readEventlog calls each with the events of a log until it returns false.
// Flags that watch or stream make it go on with what is appended.
func (a *app) readEventlog(ctx context.Context, h *flux.Client, v kvsView, key string, flags int, each func(eventlog.Entry) bool) error {
	topic, start := "kvs.lookup", h.Go
	if flags&(kvsWatch|kvsStream|kvsWaitCreate) != 0 {
		topic = "kvs-watch.lookup"
	}
	streaming := flags&(kvsWatch|kvsStream) != 0
	if streaming {
		start = h.Stream
	}
	call, err := start(topic, flux.NodeAny, v.request(key, flags))
	for err == nil {
		var resp rpc.KVSValue
		if err = call.Get(ctx, &resp); err != nil {
			break
		}
		var more bool
		if more, err = eachEvent(key, resp.Val.Object, each); err != nil {
			return err
		}
		a.flush()
		if !more || !streaming {
			return nil
		}
	}
	if isEndOfStream(err) {
		return nil
	}
	return err
}

// eachEvent calls each with the events of a piece of a log and reports whether
// more are wanted.
func eachEvent(key string, o treeobj.Object, each func(eventlog.Entry) bool) (bool, error) {
	data, err := valueBytes(key, o)
	if err != nil {
		return false, err
	}
	entries, err := eventlog.Parse(data)
	if err != nil {
		return false, fail("cannot decode improperly formatted eventlog: %v", err)
	}
	for _, e := range entries {
		if !each(e) {
			return false, nil
		}
	}
	return true, nil
}

func (a *app) eventlogWaitEvent() *cobra.Command {
	var waitcreate, quiet, verbose bool
	var timeout string
	cmd := &cobra.Command{Use: "wait-event KEY EVENT", Short: "wait for an event", Args: a.operands(2, 2)}
	namespace := namespaceFlag(cmd)
	fs := cmd.Flags()
	fs.BoolVarP(&waitcreate, "waitcreate", "W", false, "Wait until the key exists")
	fs.StringVarP(&timeout, "timeout", "t", "", "Wait no longer than `DURATION`")
	fs.BoolVarP(&quiet, "quiet", "q", false, "Do not print the event")
	fs.BoolVarP(&verbose, "verbose", "v", false, "Print the events before it")
	formatter := a.eventFormatFlags(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		f, err := formatter()
		if err != nil {
			return err
		}
		ctx, cancel, err := a.withTimeout(timeout)
		if err != nil {
			return err
		}
		defer cancel()
		h, err := a.open()
		if err != nil {
			return err
		}
		flags := kvsWatch | kvsWatchAppend
		if waitcreate {
			flags |= kvsWaitCreate
		}
		found := false
		v := kvsView{namespace: kvsNamespaceName(*namespace)}
		err = a.readEventlog(ctx, h, v, args[0], flags, func(e eventlog.Entry) bool {
			f.NoteStart(e)
			found = e.Name == args[1]
			if found && !quiet || !found && verbose {
				a.out.Write(f.Append(nil, e))
			}
			return !found
		})
		return waitEventResult(err, found, args[0], args[1])
	}
	return cmd
}

// withTimeout limits the time for what follows to a duration, "" for no limit.
func (a *app) withTimeout(duration string) (context.Context, context.CancelFunc, error) {
	if duration == "" {
		return a.ctx, func() {}, nil
	}
	d, err := fsd.Parse(duration)
	if err != nil {
		return nil, nil, fail("--timeout: %v", err)
	}
	ctx, cancel := context.WithTimeout(a.ctx, d)
	return ctx, cancel, nil
}

func waitEventResult(err error, found bool, key, event string) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fail("wait-event timeout on event '%s'", event)
	case errors.Is(err, syscall.ENOENT):
		return fail("eventlog path %s not found", key)
	case err != nil:
		return err
	case !found:
		return fail("event '%s' never received", event)
	}
	return nil
}
