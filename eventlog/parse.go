// SPDX-License-Identifier: LGPL-3.0-or-later

package eventlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// ParseError says what is wrong with an event log, and where.
type ParseError struct {
	Line   int // counted from 1
	Column int // bytes, counted from 1
	Reason string
}

// Error tells place and reason in one line.
func (e *ParseError) Error() string {
	return fmt.Sprintf("eventlog: line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// ParseEntry reads one line, with or without its newline. Keys that RFC 18
// does not know are ignored. The error is a *ParseError.
func ParseEntry(line []byte) (Entry, error) {
	p := &parser{line: 1}
	return p.entry(bytes.TrimSuffix(line, []byte{'\n'}))
}

// Parse reads a whole event log: zero or more lines, each ended by a newline.
// On error, which is a *ParseError, it also returns the entries before the bad
// line.
func Parse(log []byte) ([]Entry, error) {
	entries := make([]Entry, 0, bytes.Count(log, []byte{'\n'}))
	p := &parser{}
	for len(log) > 0 {
		p.line++
		end := bytes.IndexByte(log, '\n')
		if end < 0 {
			return entries, p.fail(int64(len(log)), "the last line has no newline")
		}
		e, err := p.entry(log[:end])
		if err != nil {
			return entries, err
		}
		entries = append(entries, e)
		log = log[end+1:]
	}
	return entries, nil
}

type parser struct {
	line int
	json jsontext.Decoder
}

func (p *parser) fail(offset int64, format string, args ...any) error {
	return &ParseError{Line: p.line, Column: int(offset) + 1, Reason: fmt.Sprintf(format, args...)}
}

// failJSON reports an error of the JSON decoder.
func (p *parser) failJSON(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return p.fail(syntax.ByteOffset, "%v", syntax.Err)
	}
	return p.fail(p.json.InputOffset(), "%v", err)
}

// entry reads one line, which is given without its newline.
func (p *parser) entry(line []byte) (e Entry, err error) {
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		return e, p.fail(int64(i), "newline within an event")
	}
	p.json.Reset(bytes.NewBuffer(line))
	if kind := p.json.PeekKind(); kind != '{' {
		// Syntax errors first: they tell more.
		if _, err := p.json.ReadToken(); err != nil && err != io.EOF {
			return e, p.failJSON(err)
		}
		return e, p.fail(0, "an event must be a JSON object")
	}
	if _, err := p.json.ReadToken(); err != nil {
		return e, p.failJSON(err)
	}
	for p.json.PeekKind() != '}' {
		if err := p.member(&e); err != nil {
			return Entry{}, err
		}
	}
	if _, err := p.json.ReadToken(); err != nil {
		return Entry{}, p.failJSON(err)
	}
	end := p.json.InputOffset()
	if _, err := p.json.ReadToken(); err == nil {
		return Entry{}, p.fail(end, "more than one JSON value")
	} else if err != io.EOF {
		return Entry{}, p.failJSON(err)
	}
	switch {
	case e.Timestamp == 0:
		return Entry{}, p.fail(0, `the event has no "timestamp"`)
	case e.Name == "":
		return Entry{}, p.fail(0, `the event has no "name"`)
	}
	return e, nil
}

// member reads one key and its value.
func (p *parser) member(e *Entry) error {
	tok, err := p.json.ReadToken()
	if err != nil {
		return p.failJSON(err)
	}
	switch tok.String() {
	case "timestamp":
		return p.timestamp(e)
	case "name":
		return p.name(e)
	case "context":
		return p.context(e)
	}
	if err := p.json.SkipValue(); err != nil {
		return p.failJSON(err)
	}
	return nil
}

func (p *parser) context(e *Entry) error {
	begin := p.json.InputOffset()
	value, err := p.json.ReadValue()
	if err != nil {
		return p.failJSON(err)
	}
	if value.Kind() != '{' {
		return p.fail(begin, `"context" must be a JSON object`)
	}
	e.Context = slices.Clone([]byte(value))
	return nil
}

func (p *parser) timestamp(e *Entry) error {
	begin := p.json.InputOffset()
	tok, err := p.json.ReadToken()
	if err != nil {
		return p.failJSON(err)
	}
	if tok.Kind() != '0' {
		return p.fail(begin, `"timestamp" must be a number`)
	}
	e.Timestamp, err = tok.Float()
	if err == nil {
		err = checkTimestamp(e.Timestamp)
	}
	if err != nil {
		return p.fail(begin, "%v", err)
	}
	return nil
}

func (p *parser) name(e *Entry) error {
	begin := p.json.InputOffset()
	tok, err := p.json.ReadToken()
	if err != nil {
		return p.failJSON(err)
	}
	if tok.Kind() != '"' {
		return p.fail(begin, `"name" must be a string`)
	}
	e.Name = tok.String()
	if err := checkName(e.Name); err != nil {
		return p.fail(begin, "%v", err)
	}
	return nil
}
