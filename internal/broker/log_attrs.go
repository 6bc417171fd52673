// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"goflux/internal/message"
)

// maxRing bounds the memory of the log ring to some hundred megabytes.
const maxRing = 1 << 20

// SetupLog sets the log up as the log-* attributes say
// (flux-broker-attributes(7)) and gives those that are unset their defaults.
func (b *Broker) SetupLog() error {
	for _, a := range []struct {
		name, value string
		apply       func(value string) error
	}{
		{"log-level", "7", b.logLevel(func(l *Log) *Severity { return &l.level })},
		{"log-stderr-level", "3", b.logLevel(func(l *Log) *Severity { return &l.stderrLevel })},
		{"log-forward-level", "3", b.logLevel(func(l *Log) *Severity { return &l.forwardLevel })},
		{"log-critical-level", "2", b.logLevel(func(l *Log) *Severity { return &l.criticalLevel })},
		{"log-syslog-level", "3", b.logLevel(func(l *Log) *Severity { return &l.syslogLevel })},
		{"log-ring-size", "1024", b.logRingSize},
		{"log-syslog-enable", "0", b.logSyslog},
		{"log-stderr-mode", "leader", b.logStderrMode},
	} {
		b.attrs.Default(a.name, a.value)
		v, _ := b.attrs.Get(a.name)
		if err := a.apply(v); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		b.attrs.Check(a.name, a.apply)
	}
	return b.openLogFile()
}

// logLevel parses a severity; a negative one matches nothing.
func (b *Broker) logLevel(field func(l *Log) *Severity) func(string) error {
	return func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n > int(SevDebug) {
			return message.Errorf(syscall.EINVAL, "invalid level")
		}
		b.log.Configure(func(l *Log) { *field(l) = Severity(n) })
		return nil
	}
}

func (b *Broker) logRingSize(v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > maxRing {
		return message.Errorf(syscall.EINVAL, "%q is not a size (0 to %d)", v, maxRing)
	}
	b.log.Resize(n)
	return nil
}

func (b *Broker) logSyslog(v string) error {
	switch v {
	case "0":
	case "1":
		b.log.Configure(func(l *Log) { l.syslog = b.syslogWriter() })
	default:
		return message.Errorf(syscall.EINVAL, "value must be 0 or 1")
	}
	return nil
}

func (b *Broker) logStderrMode(v string) error {
	if v != "leader" && v != "local" {
		return message.Errorf(syscall.EINVAL, "%q is neither leader nor local", v)
	}
	b.log.Configure(func(l *Log) { l.stderrLocal = v == "local" })
	return nil
}

// openLogFile opens log-filename, which only the leader has.
func (b *Broker) openLogFile() error {
	name, ok := b.attrs.Get("log-filename")
	if b.opt.Rank != 0 {
		b.attrs.Delete("log-filename")
		b.attrs.PutUnset("log-filename")
		return nil
	}
	if !ok {
		return nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return message.Errorf(message.Errno(err), "Error opening logfile %s: %s", name, message.ErrnoText(message.Errno(err)))
	}
	b.log.Configure(func(l *Log) { l.file = f })
	return nil
}
