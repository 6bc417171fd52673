// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
)

// cronOptions are what entries of all types have in common.
type cronOptions struct {
	name, dir, extra string
	count            int
	env              bool
}

// commonCronFlags adds the options that all commands creating entries have.
func commonCronFlags(cmd *cobra.Command) *cronOptions {
	o := new(cronOptions)
	ownArgs(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&o.extra, "options", "o", "", "Set timeout=, rank=, task-history-count= or stop-on-failure= (`NAME=N,...`)")
	fs.BoolVarP(&o.env, "preserve-env", "E", false, "Run the command in the present environment")
	fs.StringVarP(&o.dir, "working-dir", "d", "", "Run the command in `DIR`")
	return o
}

// repeatCronFlags adds those of entries that run more than once.
func (o *cronOptions) repeatCronFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.name, "name", "N", "", "Call the entry `NAME`")
	cmd.Flags().IntVarP(&o.count, "count", "c", 0, "Stop after `N` runs")
}

// request is the request that creates an entry.
func (o *cronOptions) request(kind string, args any, command string) (rpc.CronCreate, error) {
	req := rpc.CronCreate{Type: kind, Name: o.name, Command: command, Cwd: o.dir, Repeat: o.count}
	if req.Name == "" {
		req.Name, _, _ = strings.Cut(strings.TrimSpace(command), " ")
	}
	if o.env {
		req.Environ = map[string]string{}
		for _, v := range os.Environ() {
			name, value, _ := strings.Cut(v, "=")
			req.Environ[name] = value
		}
	}
	var err error
	if req.Args, err = message.Marshal(args); err != nil {
		return req, err
	}
	return req, o.setExtra(&req)
}

// setExtra applies --options.
func (o *cronOptions) setExtra(req *rpc.CronCreate) error {
	if o.extra == "" {
		return nil
	}
	for item := range strings.SplitSeq(o.extra, ",") {
		name, value, _ := strings.Cut(item, "=")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return fail("option %s: '%s' is not a number", name, value)
		}
		whole := int(n)
		switch {
		case name == "timeout":
			req.Timeout = &n
			continue
		case float64(whole) != n || n < 0:
			return fail("option %s: '%s' is not a whole number", name, value)
		}
		switch name {
		case "rank":
			req.Rank = uint32(whole)
		case "task-history-count":
			req.History = &whole
		case "stop-on-failure":
			req.StopOnFailure = whole
		default:
			return fail("option %s is not one of timeout, rank, task-history-count, stop-on-failure", name)
		}
	}
	return nil
}

// createCron creates an entry.
func (a *app) createCron(o *cronOptions, kind string, args any, command string) (*rpc.CronEntry, error) {
	req, err := o.request(kind, args, command)
	if err != nil {
		return nil, err
	}
	h, err := a.open()
	if err != nil {
		return nil, err
	}
	e := new(rpc.CronEntry)
	return e, h.RPC(a.ctx, "cron.create", flux.NodeAny, req, e)
}

func (a *app) cronInterval() *cobra.Command {
	var after string
	cmd := &cobra.Command{Use: "interval INTERVAL COMMAND...", Short: "run a command again and again", Args: a.operands(2, -1)}
	o := commonCronFlags(cmd)
	o.repeatCronFlags(cmd)
	cmd.Flags().StringVarP(&after, "after", "a", "", "Run it first after `TIME`")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		var req rpc.CronInterval
		var err error
		if req.Interval, err = cronSeconds("interval", args[0]); err != nil {
			return err
		}
		if req.After, err = cronSeconds("after", after); err != nil {
			return err
		}
		return a.tellCreated("interval")(a.createCron(o, "interval", req, strings.Join(args[1:], " ")))
	}
	return cmd
}

func (a *app) cronEvent() *cobra.Command {
	var req rpc.CronEvent
	var least string
	cmd := &cobra.Command{Use: "event TOPIC COMMAND...", Short: "run a command whenever an event is published", Args: a.operands(2, -1)}
	o := commonCronFlags(cmd)
	o.repeatCronFlags(cmd)
	fs := cmd.Flags()
	fs.IntVarP(&req.Nth, "nth", "n", 0, "Run it on every `N`th event alone")
	fs.IntVarP(&req.After, "after", "a", 0, "Run it from the `N`th event on")
	fs.StringVarP(&least, "min-interval", "i", "", "Run it at most once in `TIME`")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		req.Topic = args[0]
		n, err := cronSeconds("min-interval", least)
		if err != nil {
			return err
		}
		if n != nil {
			req.MinInterval = *n
		}
		return a.tellCreated("event")(a.createCron(o, "event", req, strings.Join(args[1:], " ")))
	}
	return cmd
}

// tellCreated says which entry has been created, by which command, and for
// dates when it comes up.
func (a *app) tellCreated(by string) func(*rpc.CronEntry, error) error {
	return func(e *rpc.CronEntry, err error) error {
		if err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s: cron-%d created", by, e.ID)
		if next, ok := e.TypeData["next_wakeup"].(float64); ok && e.Type == "datetime" {
			at := time.Unix(int64(next), 0)
			fmt.Fprintf(a.out, ": scheduled in %.3fs at %s", time.Until(at).Seconds(), at.Format(time.ANSIC))
		}
		fmt.Fprintln(a.out)
		return nil
	}
}

func (a *app) cronTab() *cobra.Command {
	cmd := &cobra.Command{Use: "tab [FILE]", Short: "create the entries of a crontab", Args: a.operands(0, 1)}
	o := commonCronFlags(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		in := a.in
		if len(args) > 0 && args[0] != "-" {
			f, err := os.Open(args[0])
			if err != nil {
				return fail("%v", err)
			}
			defer f.Close()
			in = f
		}
		return a.readCrontab(in, o)
	}
	return cmd
}

// readCrontab creates the entries of a crontab: five fields and a command in a
// line; what follows a # is a comment.
func (a *app) readCrontab(in io.Reader, o *cronOptions) error {
	units := [...]string{"minute", "hour", "mday", "month", "weekday"}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		date := rpc.CronDate{"second": 0}
		rest := line
		for _, u := range units {
			var field string
			field, rest = nextField(rest)
			date[u] = field
		}
		command := strings.TrimSpace(rest)
		if command == "" {
			return fail("Failed to process crontab line: %s", lines.Text())
		}
		if err := a.tellCreated("tab")(a.createCron(o, "datetime", date, command)); err != nil {
			return err
		}
	}
	return lines.Err()
}

// nextField cuts the first word off a line.
func nextField(line string) (field, rest string) {
	line = strings.TrimLeft(line, " \t")
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		return line[:i], line[i:]
	}
	return line, ""
}

func (a *app) cronAt() *cobra.Command {
	cmd := &cobra.Command{Use: "at TIME COMMAND...", Short: "run a command once, at a date that date(1) understands", Args: a.operands(2, -1)}
	o := commonCronFlags(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		t, err := dateOf(args[0])
		if err != nil {
			return fail("Failed to parse datetime arg: %v", err)
		}
		o.count = 1
		date := rpc.CronDate{
			"second": t.Second(), "minute": t.Minute(), "hour": t.Hour(),
			"mday": t.Day(), "month": int(t.Month()) - 1, "year": t.Year() - 1900,
		}
		return a.tellCreated("at")(a.createCron(o, "datetime", date, strings.Join(args[1:], " ")))
	}
	return cmd
}

// dateOf asks date(1), whose grammar this is.
func dateOf(text string) (time.Time, error) {
	out, err := exec.Command("date", "+%s", "--date="+text).Output()
	if err != nil {
		return time.Time{}, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	return time.Unix(n, 0), err
}
