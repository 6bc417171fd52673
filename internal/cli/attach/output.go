// SPDX-License-Identifier: LGPL-3.0-or-later

package attach

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"goflux/eventlog"
)

// maxRepeat bounds how often one entry repeats its data (RFC 24).
const maxRepeat = 1 << 20

// outputState is what is known about the output event log.
type outputState struct {
	started, header bool
	// live is set when entries are printed as they come; before, the last
	// ones are kept for --tail.
	live bool
	kept []eventlog.Entry
}

// Data is the context of an output or input event (RFC 24).
type Data struct {
	Stream   string `json:"stream"`
	Rank     string `json:"rank"`
	Data     string `json:"data,omitzero"`
	Encoding string `json:"encoding,omitzero"`
	Repeat   int    `json:"repeat,omitzero"`
	EOF      bool   `json:"eof,omitzero"`
}

// Bytes are the data as the task wrote them.
func (d *Data) Bytes() ([]byte, error) {
	data := []byte(d.Data)
	if d.Encoding == "base64" {
		var err error
		if data, err = base64.StdEncoding.DecodeString(d.Data); err != nil {
			return nil, err
		}
	}
	if d.Repeat > 1 {
		return []byte(strings.Repeat(string(data), min(d.Repeat, maxRepeat))), nil
	}
	return data, nil
}

func (s *Session) startOutput() {
	if !s.output.started {
		s.output.started = true
		s.watch(outputLog)
	}
}

// outputEvent handles an entry of the output event log.
func (s *Session) outputEvent(e eventlog.Entry) {
	switch e.Name {
	case "header":
		s.output.header = true
	case "redirect":
		s.redirect(e)
	case "data", "log":
		if s.output.live {
			s.print(e)
		} else {
			s.keep(e)
		}
	}
}

// Sentinel is told that the entries that were there at the start are through.
func (s *Session) Sentinel() {
	if s.output.live {
		return
	}
	s.output.live = true
	for _, e := range s.output.kept {
		s.print(e)
	}
	s.output.kept = nil
}

// keep keeps an entry for --tail. Ends of streams are not lines.
func (s *Session) keep(e eventlog.Entry) {
	var d Data
	if e.Name == "data" && (e.UnmarshalContext(&d) != nil || d.EOF) {
		return
	}
	s.output.kept = append(s.output.kept, e)
	if n := len(s.output.kept) - s.Tail; n > 0 {
		s.output.kept = s.output.kept[n:]
	}
}

func (s *Session) print(e eventlog.Entry) {
	if e.Name == "log" {
		s.shellLog(e)
		return
	}
	if !s.output.header {
		s.fail("stream data read before header")
		return
	}
	var d Data
	if err := e.UnmarshalContext(&d); err != nil {
		s.fail("malformed event context: %w", err)
		return
	}
	data, err := d.Bytes()
	if err != nil {
		s.fail("malformed event context: %w", err)
		return
	}
	if len(data) > 0 && !(s.pty.captured && s.pty.wanted && d.Rank == "0") {
		s.printData(d.Stream, d.Rank, data)
	}
}

func (s *Session) printData(stream, rank string, data []byte) {
	to := s.out
	if stream != "stdout" {
		s.fx.Flush()
		to = s.err
	}
	if s.LabelIO {
		_, _ = io.WriteString(to, rank+": ")
	}
	if s.pty.wanted {
		data = append(data, '\r')
	}
	if _, err := to.Write(data); err != nil && to == s.out {
		s.fail("standard output: %w", err)
	}
}

func (s *Session) redirect(e eventlog.Entry) {
	line, ok := Redirection(e)
	switch {
	case !ok:
		s.fail("malformed redirect context")
	case !s.Quiet:
		s.printErr(line + "\n")
	}
}

// Redirection is what to tell a person about a redirect event (RFC 24).
func Redirection(e eventlog.Entry) (line string, ok bool) {
	var c struct {
		Stream string `json:"stream"`
		Rank   string `json:"rank"`
		Path   string `json:"path"`
	}
	if e.UnmarshalContext(&c) != nil {
		return "", false
	}
	line = fmt.Sprintf("%s: %s redirected", c.Rank, c.Stream)
	if c.Path != "" {
		line += " to " + c.Path
	}
	return line, true
}

// levelNames are the words for the levels of shell messages. The first three
// end a shell; notices have no word.
var levelNames = [...]string{"FATAL", "FATAL", "FATAL", "ERROR", " WARN", "", "DEBUG", "TRACE"}

// shellLog is the context of a log event (RFC 24).
type shellLog struct {
	Rank      *int   `json:"rank"`
	Level     int    `json:"level"`
	Message   string `json:"message"`
	Component string `json:"component"`
	File      string `json:"file"`
	Line      int    `json:"line"`
}

func parseShellLog(e eventlog.Entry) (c shellLog, ok bool) {
	c.Level = -1
	err := e.UnmarshalContext(&c)
	return c, err == nil && c.Level >= 0 && c.Level < len(levelNames)
}

// text is the message with who says so, and how bad it is.
func (c *shellLog) text(source bool) string {
	line := "flux-shell"
	if c.Rank != nil && *c.Rank >= 0 {
		line += fmt.Sprintf("[%d]", *c.Rank)
	}
	for _, part := range []string{levelNames[c.Level], c.Component} {
		if part != "" {
			line += ": " + part
		}
	}
	if source && c.File != "" {
		line += ": " + c.File
		if c.Line > 0 {
			line += fmt.Sprintf(":%d", c.Line)
		}
	}
	return line + ": " + c.Message
}

// ShellMessage is what to tell a person about a log event (RFC 24).
func ShellMessage(e eventlog.Entry) (line string, ok bool) {
	c, ok := parseShellLog(e)
	if !ok {
		return "", false
	}
	return c.text(false), true
}

// shellLog prints a message of a shell.
func (s *Session) shellLog(e eventlog.Entry) {
	c, ok := parseShellLog(e)
	switch {
	case !ok:
		s.message("invalid log event in guest.output: %s", e.Context)
	case !s.Quiet:
		s.printErr(fmt.Sprintf("%.3fs: %s\n", s.since(e.Timestamp), c.text(s.Verbose)))
	}
}
