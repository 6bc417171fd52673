// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

import (
	"encoding/base64"
	"fmt"
	"syscall"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// IO is a piece of a stream, the I/O object of RFC 42 and data event context
// of RFC 24. Rank is an idset of task or broker ranks, or "all".
type IO struct {
	Stream   string `json:"stream"`
	Rank     string `json:"rank"`
	Encoding string `json:"encoding,omitempty"`
	Data     string `json:"data,omitempty"`
	EOF      bool   `json:"eof,omitzero"`
	// Repeat says that a line ended by a carriage return is to be written
	// over (RFC 24).
	Repeat int `json:"repeat,omitzero"`
}

// NewIO returns data as an I/O object. What is not UTF-8 goes in base64, and so
// does what would be longer as JSON text: control characters take six bytes.
func NewIO(stream, rank string, data []byte, eof bool) IO {
	io := IO{Stream: stream, Rank: rank, EOF: eof}
	switch {
	case len(data) == 0:
	case utf8.Valid(data) && !mostlyControl(data):
		io.Data = string(data)
	default:
		io.Encoding, io.Data = "base64", base64.StdEncoding.EncodeToString(data)
	}
	return io
}

// mostlyControl reports whether data takes more bytes as JSON text than in
// base64. Short pieces stay readable.
func mostlyControl(data []byte) bool {
	const short = 64
	if len(data) < short {
		return false
	}
	extra := 0
	for _, c := range data {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' {
			extra += 5
		}
	}
	return extra > len(data)/3
}

// Bytes decodes the data. EPROTO for base64 that is none or an encoding that
// is not known.
func (io *IO) Bytes() ([]byte, error) {
	switch io.Encoding {
	case "", "UTF-8":
		return []byte(io.Data), nil
	case "base64":
		b, err := base64.StdEncoding.DecodeString(io.Data)
		if err != nil {
			return nil, fmt.Errorf("data of stream %s: %v: %w", io.Stream, err, syscall.EPROTO)
		}
		return b, nil
	}
	return nil, fmt.Errorf("data of stream %s: encoding %q is not known: %w", io.Stream, io.Encoding, syscall.EPROTO)
}

// Flags of [RexecExec] and, the first three, of [RexecAttach] (RFC 42).
const (
	RexecStdout      = 1
	RexecStderr      = 2
	RexecChannel     = 4
	RexecWriteCredit = 8
	RexecWaitable    = 16
)

// Local flags of [RexecExec] (RFC 42). RexecForkExec has no meaning here.
const (
	RexecStdioFallthrough = 1
	RexecNoSetpgrp        = 2
	RexecForkExec         = 4
)

// Command is the command object of RFC 42. Without an environment the
// server's is used, without a directory its own.
//
// Opts are strings: NAME_BUFSIZE (bytes, with a scale such as 4k) and
// NAME_LINE_BUFFER ("true", the default, or "false") for a stream or channel.
type Command struct {
	Cwd      string            `json:"cwd,omitempty"`
	Cmdline  []string          `json:"cmdline"`
	Env      map[string]string `json:"env"`
	Opts     map[string]string `json:"opts"`
	Channels []string          `json:"channels"`
	// MsgChan are message channels under flux-core's name for them.
	MsgChan []jsontext.Value `json:"msgchan"`
	Label   string           `json:"label,omitempty"`
}

// RexecExec is rexec.exec. Sent for a stream it is answered by [RexecEvent]s
// and ends when the process has ended and its output been sent; else the
// process runs in the background and the one answer is its pid.
type RexecExec struct {
	Cmd        *Command       `json:"cmd"`
	Flags      int            `json:"flags"`
	LocalFlags int            `json:"local_flags,omitzero"`
	Signature  jsontext.Value `json:"signature,omitempty"`
}

// RexecEvent answers rexec.exec and rexec.attach: started, attached, stopped,
// finished, output, add-credit.
type RexecEvent struct {
	Type     string         `json:"type"`
	Pid      int            `json:"pid,omitzero"`
	Status   *int           `json:"status,omitempty"` // finished: the wait status
	IO       *IO            `json:"io,omitempty"`
	Channels map[string]int `json:"channels,omitempty"` // add-credit: bytes by channel
	Cmd      *Command       `json:"cmd,omitempty"`      // attached
}

// RexecAttach is rexec.attach.
type RexecAttach struct {
	RexecTarget
	Flags int `json:"flags"`
}

// RexecTarget names a process by pid, or by label where that is not empty. It
// is rexec.wait.
type RexecTarget struct {
	Pid       int            `json:"pid"`
	Label     string         `json:"label,omitempty"`
	Signature jsontext.Value `json:"signature,omitempty"`
}

// RexecKill is rexec.kill.
type RexecKill struct {
	RexecTarget
	Signum int `json:"signum"`
}

// RexecWrite is rexec.write: input for the process that the sender's exec with
// that matchtag started. It is not answered.
type RexecWrite struct {
	Matchtag  uint32         `json:"matchtag"`
	IO        IO             `json:"io"`
	Signature jsontext.Value `json:"signature,omitempty"`
}

// RexecWaited answers rexec.wait: the wait status, and the last output that
// was kept.
type RexecWaited struct {
	Status int  `json:"status"`
	Output []IO `json:"output,omitempty"`
}

// RexecList answers rexec.list.
type RexecList struct {
	Rank  uint32      `json:"rank"`
	Procs []RexecProc `json:"procs"`
}

// RexecProc is a process of [RexecList]; its state is R, or Z for one that has
// ended and not been waited for.
type RexecProc struct {
	Pid   int    `json:"pid"`
	Cmd   string `json:"cmd"`
	Label string `json:"label"`
	State string `json:"state"`
}
