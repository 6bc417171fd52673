// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"goflux/internal/service"
)

// Severity is a syslog severity: 0 emergency … 7 debug.
type Severity int

// Severities used by the broker's own records.
const (
	SevCrit    Severity = 2
	SevErr     Severity = 3
	SevWarning Severity = 4
	SevNotice  Severity = 5
	SevInfo    Severity = 6
	SevDebug   Severity = 7
)

var severityNames = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

func (s Severity) String() string { return severityNames[s&7] }

// LogRecord is one log message. On the wire it is the RFC 5424 form
// "<PRI>1 TIMESTAMP RANK APPNAME PROCID MSGID SD MESSAGE".
type LogRecord struct {
	Severity Severity
	Time     time.Time
	Rank     uint32
	App      string
	Text     string
}

// logTime has the microseconds that dmesg prints.
const logTime = "2006-01-02T15:04:05.000000Z"

// Encode returns the wire form. PRI is severity<<3|facility as flux-core
// computes it, with facility 0.
func (r LogRecord) Encode() []byte {
	return fmt.Appendf(nil, "<%d>1 %s %d %s - - - %s", int(r.Severity)<<3, r.Time.UTC().Format(logTime), r.Rank, r.App, r.Text)
}

// String is how dmesg prints it.
func (r LogRecord) String() string {
	return r.Time.UTC().Format(logTime) + " " + r.Plain()
}

// maxLogText bounds one record; what is longer is cut.
const maxLogText = 16 << 10

// DecodeLog parses the wire form. EPROTO when it is not of that form.
func DecodeLog(b []byte) (LogRecord, error) {
	b = bytes.TrimRight(b, "\x00\n")
	bad := func(what string) (LogRecord, error) {
		return LogRecord{}, fmt.Errorf("log record: %s: %w", what, syscall.EPROTO)
	}
	pri, rest, ok := bytes.Cut(b, []byte(">"))
	if !ok || len(pri) < 2 || pri[0] != '<' {
		return bad("no priority")
	}
	n, err := strconv.Atoi(string(pri[1:]))
	if err != nil || n < 0 || n > 63 {
		return bad("bad priority")
	}
	f := bytes.SplitN(rest, []byte(" "), 8)
	if len(f) < 8 || string(f[0]) != "1" {
		return bad("fields are missing")
	}
	r := LogRecord{Severity: Severity(n >> 3), App: string(f[3])}
	if r.Time, err = time.Parse(time.RFC3339Nano, string(f[1])); err != nil {
		return bad("bad timestamp")
	}
	rank, err := strconv.ParseUint(string(f[2]), 10, 32)
	if err != nil {
		return bad("bad rank")
	}
	r.Rank = uint32(rank)
	r.Text = string(f[7][:min(len(f[7]), maxLogText)])
	return r, nil
}

// Log is the broker's log: a ring of records with those who follow it, and its
// copies to stderr, a file and the leader. Its methods may be called from any
// goroutine; the functions it is given must not log.
type Log struct {
	mu       sync.Mutex
	rank     uint32
	ring     []LogRecord
	next     int // where the next record goes, once the ring is full
	size     int
	seq      uint64
	onAppend func(LogRecord) // followers of dmesg

	level, stderrLevel, criticalLevel, forwardLevel, syslogLevel Severity
	stderrLocal                                                  bool
	stderr, file                                                 io.Writer
	syslog                                                       func(LogRecord)
	forward                                                      func(LogRecord)
	local, remote                                                int // records taken in
}

// NewLog returns a log with the documented defaults that copies to stderr.
func NewLog(rank uint32, stderr io.Writer) *Log {
	return &Log{
		rank: rank, size: 1024, stderr: stderr,
		level: SevDebug, stderrLevel: SevErr, criticalLevel: SevCrit, forwardLevel: SevErr, syslogLevel: SevErr,
		forward: func(LogRecord) {}, onAppend: func(LogRecord) {},
	}
}

// Configure changes settings under the lock.
func (l *Log) Configure(fn func(l *Log)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn(l)
}

// Append takes in a record made here or, on the leader, forwarded by a
// follower: each goes to the ring of its own broker and to the leader's copies.
func (l *Log) Append(r LogRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	local := r.Rank == l.rank
	if local {
		l.local++
		if r.Severity <= l.level {
			l.store(r)
			l.onAppend(r)
		}
	} else {
		l.remote++
	}
	leader := l.rank == 0
	switch {
	case local && (r.Severity <= l.criticalLevel || r.Severity <= l.stderrLevel && l.stderrLocal), // never lost, wherever it happens
		leader && !l.stderrLocal && r.Severity <= l.stderrLevel:
		fmt.Fprintln(l.stderr, l.stderrLine(r))
	}
	if leader && l.file != nil {
		fmt.Fprintln(l.file, stampedLine(r))
	}
	if !leader && local && r.Severity <= l.forwardLevel {
		l.forward(r)
	}
	if l.syslog != nil && r.Severity <= l.syslogLevel {
		l.syslog(r)
	}
}

// stderrLine has no timestamp but a level where each broker writes for itself:
// that is what systemd wants.
func (l *Log) stderrLine(r LogRecord) string {
	if l.stderrLocal {
		return fmt.Sprintf("<%d>%s", int(r.Severity), r.Plain())
	}
	return stampedLine(r)
}

// fileTime is how the log file and the leader's stderr tell the time.
const fileTime = "Jan 02 15:04:05.000000 MST 2006"

func stampedLine(r LogRecord) string { return r.Time.Local().Format(fileTime) + " " + r.Plain() }

// Plain is the record without its time.
func (r LogRecord) Plain() string {
	return fmt.Sprintf("%s.%s[%d]: %s", r.App, r.Severity, r.Rank, r.Text)
}

func (l *Log) store(r LogRecord) {
	if l.size == 0 {
		return
	}
	l.seq++
	if len(l.ring) < l.size {
		l.ring = append(l.ring, r)
		return
	}
	l.ring[l.next] = r
	l.next = (l.next + 1) % len(l.ring)
}

// Records returns the ring's records, oldest first.
func (l *Log) Records() []LogRecord {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]LogRecord, 0, len(l.ring))
	out = append(out, l.ring[l.next:]...)
	return append(out, l.ring[:l.next]...)
}

// LogStats answers log.stats-get: records in the ring, ever put there, and taken
// in from this broker and from others.
type LogStats struct {
	RingUsed int    `json:"ring-used"`
	Count    uint64 `json:"count"`
	Local    int    `json:"local"`
	Remote   int    `json:"remote"`
}

// Stats counts records.
func (l *Log) Stats() LogStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return LogStats{len(l.ring), l.seq, l.local, l.remote}
}

// Clear empties the ring.
func (l *Log) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring, l.next = nil, 0
}

// Resize sets how many records the ring holds, dropping the oldest.
func (l *Log) Resize(n int) {
	records := l.Records()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.size, l.next = n, 0
	l.ring = append([]LogRecord(nil), records[max(0, len(records)-n):]...)
}

// Logger returns a structured logger whose records bear the name svc.
func (l *Log) Logger(svc string) *slog.Logger { return slog.New(&logHandler{log: l, app: svc}) }

// logHandler turns slog records into the log's text form.
type logHandler struct {
	log   *Log
	app   string
	attrs []slog.Attr
	group string
}

func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

func severityOf(l slog.Level) Severity {
	switch {
	case l >= service.LevelCrit:
		return SevCrit
	case l >= slog.LevelError:
		return SevErr
	case l >= slog.LevelWarn:
		return SevWarning
	case l >= service.LevelNotice:
		return SevNotice
	case l >= slog.LevelInfo:
		return SevInfo
	}
	return SevDebug
}

// Handle implements slog.Handler: the message, then key=value.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	add := func(a slog.Attr) bool {
		v := a.Value.Resolve().String()
		if strings.ContainsAny(v, " \"\n") {
			v = strconv.Quote(v)
		}
		fmt.Fprintf(&b, " %s%s=%s", h.group, a.Key, v)
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	text := b.String()
	h.log.Append(LogRecord{
		Severity: severityOf(r.Level), Time: r.Time, Rank: h.log.rank, App: h.app,
		Text: text[:min(len(text), maxLogText)],
	})
	return nil
}

func (h *logHandler) WithAttrs(as []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(append([]slog.Attr(nil), h.attrs...), as...)
	return &c
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.group += name + "."
	return &c
}
