// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"goflux/flux"
	"goflux/internal/rpc"
)

type dmesgOptions struct {
	clear, readClear, follow, fresh, human, delta bool
}

// newDmesg is flux dmesg: the broker's log.
func newDmesg(a *app) *cobra.Command {
	var o dmesgOptions
	cmd := &cobra.Command{
		Use:   "dmesg",
		Short: "print or clear the broker's log",
		Args:  a.operands(0, 0),
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.clear, "clear", "C", false, "Clear the log")
	fs.BoolVarP(&o.readClear, "read-clear", "c", false, "Clear the log after printing it")
	fs.BoolVarP(&o.follow, "follow", "f", false, "Go on with new entries as they arrive")
	fs.BoolVarP(&o.fresh, "new", "n", false, "Print only new entries")
	fs.BoolVarP(&o.human, "human", "H", false, "Print short times and, on a terminal, colours")
	fs.BoolVarP(&o.delta, "delta", "d", false, "With --human, print the time since the entry before")
	when := colorFlag(cmd, "L")
	cmd.RunE = func(*cobra.Command, []string) error {
		if o.delta && !o.human {
			return fail("--delta can only be used with --human")
		}
		color, err := a.color(*when)
		if err != nil {
			return err
		}
		return a.dmesg(o, color)
	}
	return cmd
}

func (a *app) dmesg(o dmesgOptions, color bool) error {
	h, err := a.open()
	if err != nil {
		return err
	}
	if !o.clear {
		p := logPrinter{color: color, human: o.human, times: humanTime{delta: o.delta}}
		if err := a.printLog(h, rpc.Dmesg{Follow: o.follow, NoBacklog: o.fresh}, &p, o.follow); err != nil {
			return fail("log.dmesg: %v", err)
		}
	}
	if o.clear || o.readClear {
		if err := h.RPC(a.ctx, "log.clear", flux.NodeAny, nil, nil); err != nil {
			return fail("log.clear: %v", err)
		}
	}
	return nil
}

func (a *app) printLog(h *flux.Client, req rpc.Dmesg, p *logPrinter, follow bool) error {
	call, err := h.Stream("log.dmesg", flux.NodeAny, req)
	if err != nil {
		return err
	}
	for {
		m, err := call.Message(a.ctx)
		if err != nil {
			if isEndOfStream(err) {
				return nil
			}
			return err
		}
		p.print(a.out, string(m.Payload()))
		if follow {
			a.flush()
		}
	}
}

// logPrinter prints log records.
type logPrinter struct {
	color, human bool
	times        humanTime
}

// severityNames are the names of the severities of syslog, by number.
var severityNames = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// severityColors are the colours of their texts.
var severityColors = [len(severityNames)]string{
	ansiReverse + ansiRed, ansiReverse + ansiRed, ansiBold + ansiRed, ansiRed, ansiBold, "", "", ansiBlue,
}

// logRecord is one record of the log in the parts that people see.
type logRecord struct {
	time, rank, app string
	severity        int
	text            string
}

// errNotLog says that a record is not in the form of RFC 5424.
var errNotLog = errors.New("not a log record")

// parseLogRecord reads a record as log.dmesg sends it: RFC 5424, with the rank
// for a host name, and severity and facility in each other's place.
func parseLogRecord(s string) (logRecord, error) {
	s = strings.TrimRight(s, "\x00")
	head := strings.SplitN(s, " ", 8)
	if len(head) < 7 || !strings.HasPrefix(head[0], "<") {
		return logRecord{}, errNotLog
	}
	var pri, version int
	if n, err := fmt.Sscanf(head[0], "<%d>%d", &pri, &version); n != 2 || err != nil || pri < 0 || pri>>3 >= len(severityNames) {
		return logRecord{}, errNotLog
	}
	r := logRecord{time: head[1], rank: head[2], app: head[3], severity: pri >> 3}
	if len(head) == 8 {
		r.text = head[7]
	}
	return r, nil
}

func (p *logPrinter) print(w io.Writer, record string) {
	r, err := parseLogRecord(record)
	if err != nil {
		fmt.Fprintln(w, record)
		return
	}
	var name, text string
	if p.color {
		name, text = ansiYellow, severityColors[r.severity]
	}
	label := fmt.Sprintf("%s.%s[%s]", r.app, severityNames[r.severity], r.rank)
	fmt.Fprintf(w, "%s %s: %s\n", p.time(r.time), paint(name, label), paint(text, r.text))
}

// time shows a record's time, for people or in local time as ISO 8601.
func (p *logPrinter) time(stamp string) string {
	t, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return stamp
	}
	if p.human {
		return p.times.colorTime(t, p.color)
	}
	text := t.Local().Format("2006-01-02T15:04:05.000000Z07:00")
	if p.color {
		return ansiGreen + text + ansiReset
	}
	return text
}
