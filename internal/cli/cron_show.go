// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
)

func (a *app) cronList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list entries", Args: a.operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			h, err := a.open()
			if err != nil {
				return err
			}
			var list rpc.CronList
			if err := h.RPC(a.ctx, "cron.list", flux.NodeAny, rpc.Empty{}, &list); err != nil {
				return err
			}
			const format = "%6s %-15s %-8s %9s %18s  %-18s\n"
			fmt.Fprintf(a.out, format, "ID", "CMD/NAME", "STATE", "#RUNS", "LASTRUN", "STATUS")
			for i := range list.Entries {
				e := &list.Entries[i]
				state := "Active"
				if e.Stopped {
					state = "Stopped"
				}
				runs := strconv.Itoa(e.Stats.Count)
				if e.Repeat > 0 {
					runs += "/" + strconv.Itoa(e.Repeat)
				}
				last, status := cronStatus(e, time.Now())
				fmt.Fprintf(a.out, format, strconv.FormatInt(e.ID, 10), e.Name, state, runs, last, status)
			}
			return nil
		},
	}
}

// cronStatus is when an entry last ran, and how that went.
func cronStatus(e *rpc.CronEntry, now time.Time) (last, status string) {
	if len(e.Tasks) == 0 {
		return "None", "None"
	}
	last = "None"
	for _, t := range e.Tasks[:min(2, len(e.Tasks))] {
		if t.Started != 0 {
			last = ago(unixTime(t.Started), now)
			break
		}
	}
	t := e.Tasks[0]
	switch {
	case t.State == "Exited":
		return last, "Success"
	case t.State != "Failed":
		return last, t.State
	case t.Code != nil && *t.Code == 127:
		return last, "Exec-Error"
	}
	code := 0
	if t.Code != nil {
		code = *t.Code
	}
	return last, fmt.Sprintf("%s:rc=%d", t.State, code)
}

// cronLastRun says of an entry that has been deleted what it did last.
func cronLastRun(e *rpc.CronEntry, now time.Time) string {
	if len(e.Tasks) == 0 || e.Tasks[0].Started == 0 {
		return ""
	}
	t := e.Tasks[0]
	if t.Ended != 0 {
		return fmt.Sprintf(" last ran %s for %s", ago(unixTime(t.Ended), now), tookSeconds(t.Ended-t.Started))
	}
	return " still running. Started " + ago(unixTime(t.Started), now)
}

func unixTime(seconds float64) time.Time {
	return time.Unix(0, int64(seconds*float64(time.Second)))
}

// ago is how long ago t was, the less exact the longer.
func ago(t, now time.Time) string {
	const day = 24 * time.Hour
	d := now.Sub(t)
	switch {
	case d < 0:
		return "in the future"
	case d < 2*time.Second:
		return "a second ago"
	case d < 90*time.Second:
		return fmt.Sprintf("%.0f seconds ago", d.Seconds())
	case d < 2*time.Minute:
		return "a minute ago"
	case d < 90*time.Minute:
		return fmt.Sprintf("%.0f minutes ago", d.Minutes())
	case d < 36*time.Hour:
		return fmt.Sprintf("%.1f hours ago", d.Hours())
	case d < 14*day:
		return fmt.Sprintf("%.1f days ago", d.Hours()/24)
	case d < 70*day:
		return fmt.Sprintf("%.0f weeks ago", d.Hours()/24/7)
	case d < 365*day:
		return fmt.Sprintf("%.0f months ago", d.Hours()/24/30)
	}
	return fmt.Sprintf("%.1f years ago", d.Hours()/24/365)
}

// tookSeconds is how long something took, in the unit that suits it.
func tookSeconds(s float64) string {
	const minute, hour, day = 60, 3600, 86400
	switch {
	case s > day:
		return fmt.Sprintf("%.3fd", s/day)
	case s > hour:
		return fmt.Sprintf("%.3fh", s/hour)
	case s > minute:
		return fmt.Sprintf("%.3fm", s/minute)
	case s > 1:
		return fmt.Sprintf("%.3fs", s)
	}
	return fmt.Sprintf("%.2fms", s*1000)
}

func (a *app) cronDump() *cobra.Command {
	var key string
	cmd := &cobra.Command{Use: "dump ID", Short: "print all that is known of an entry", Args: a.operands(1, 1)}
	cmd.Flags().StringVarP(&key, "key", "k", "", "Print the value of `KEY` alone")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		id, err := cronID(args[0])
		if err != nil {
			return err
		}
		h, err := a.open()
		if err != nil {
			return err
		}
		var list struct {
			Entries []jsontext.Value `json:"entries"`
		}
		if err := h.RPC(a.ctx, "cron.list", flux.NodeAny, rpc.Empty{}, &list); err != nil {
			return err
		}
		for _, e := range list.Entries {
			var this struct {
				ID int64 `json:"id"`
			}
			if err := message.Unmarshal(e, &this); err != nil {
				return err
			}
			if this.ID == id {
				return a.dumpEntry(e, key)
			}
		}
		return fail("cron-%d: No such cron entry found", id)
	}
	return cmd
}

// dumpEntry prints "NAME.NAME = VALUE" for each value of an object, or the
// value of one key.
func (a *app) dumpEntry(e jsontext.Value, key string) error {
	return walkJSON("", e, func(name string, v jsontext.Value) {
		text := string(v)
		switch {
		case key == "":
			fmt.Fprintf(a.out, "%s = %s\n", name, text)
		case key == name:
			if v.Kind() == '"' {
				unquoted, _ := jsontext.AppendUnquote(nil, v)
				text = string(unquoted)
			}
			fmt.Fprintln(a.out, text)
		}
	})
}

// walkJSON calls fn for each value of an object that is neither object nor
// array, in order, with its path. Arrays count from 1; "tasks" are each a "task".
func walkJSON(at string, v jsontext.Value, fn func(string, jsontext.Value)) error {
	dec := jsontext.NewDecoder(bytes.NewReader(v))
	open, err := dec.ReadToken()
	if err != nil {
		return err
	}
	end := jsontext.Kind('}')
	if open.Kind() == '[' {
		end = ']'
	}
	for i := 1; dec.PeekKind() != end; i++ {
		name := strconv.Itoa(i)
		if end == '}' {
			t, err := dec.ReadToken()
			if err != nil {
				return err
			}
			if name = t.String(); name == "tasks" {
				name = "task"
			}
		}
		path := strings.TrimPrefix(at+"."+name, ".")
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if k := value.Kind(); k == '{' || k == '[' {
			err = walkJSON(path, value, fn)
		} else {
			fn(path, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
