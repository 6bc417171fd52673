// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
)

// severity of a log message: those of RFC 5424.
type severity int

const (
	sevFatal  severity = 0
	sevError  severity = 3
	sevWarn   severity = 4
	sevNotice severity = 5
	sevDebug  severity = 6
	sevTrace  severity = 7
)

var sevNames = [...]string{"FATAL", "FATAL", "FATAL", "ERROR", " WARN", " INFO", "DEBUG", "TRACE"}

// maxLogText bounds a message.
const maxLogText = 4096

// logContext is the context of a log event (RFC 24).
type logContext struct {
	Rank      int    `json:"rank"`
	Level     int    `json:"level"`
	Component string `json:"component,omitempty"`
	Message   string `json:"message"`
	File      string `json:"file,omitempty"` // of this program, with Line
	Line      int    `json:"line,omitzero"`
}

// locate notes where in this program the message comes from.
func (c *logContext) locate() {
	for skip := 2; ; skip++ {
		_, file, line, ok := runtime.Caller(skip)
		if !ok {
			return
		}
		if c.File = filepath.Base(file); c.File != "log.go" {
			c.Line = line
			return
		}
	}
}

// logger is the shell's log. Messages become events of the job's output
// (RFC 24), or lines of the file that standard error goes to; until the job is
// known, and when the broker is lost, they go to the shell's own standard error.
type logger struct {
	stderr io.Writer
	level  severity // the most that is wanted
	rank   int
	sink   func(logContext) // nil: standard error
}

func (l *logger) log(sev severity, component, format string, args ...any) {
	if sev > l.level {
		return
	}
	text := strings.TrimSuffix(fmt.Sprintf(format, args...), "\n")
	if len(text) > maxLogText {
		text = text[:maxLogText-1] + "+"
	}
	if l.sink != nil {
		c := logContext{Rank: l.rank, Level: int(sev), Component: component, Message: text}
		c.locate()
		l.sink(c)
		return
	}
	fmt.Fprintf(l.stderr, "flux-shell: %s: %s%s\n", sevNames[sev], prefix(component), text)
}

func prefix(component string) string {
	if component == "" {
		return ""
	}
	return component + ": "
}

func (l *logger) errorf(component, format string, args ...any) {
	l.log(sevError, component, format, args...)
}

func (l *logger) warnf(component, format string, args ...any) {
	l.log(sevWarn, component, format, args...)
}

func (l *logger) infof(component, format string, args ...any) {
	l.log(sevNotice, component, format, args...)
}

func (l *logger) debugf(component, format string, args ...any) {
	l.log(sevDebug, component, format, args...)
}

func (l *logger) tracef(component, format string, args ...any) {
	l.log(sevTrace, component, format, args...)
}

// line is a log message as it is written to a file.
func (c *logContext) line() string {
	name := ""
	if c.Level != int(sevNotice) && c.Level >= 0 && c.Level < len(sevNames) {
		name = sevNames[c.Level] + ": "
	}
	return fmt.Sprintf("flux-shell[%d]: %s%s%s\n", c.Rank, name, prefix(c.Component), c.Message)
}
