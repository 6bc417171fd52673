// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

import (
	"bytes"
	"encoding/base64"
	"syscall"
	"unicode/utf8"

	"goflux/internal/message"
)

// Winsize is the size of a terminal in characters.
type Winsize struct {
	Rows uint16 `json:"rows"`
	Cols uint16 `json:"cols"`
}

// TerminalMessage is what a terminal server and its clients send each other,
// at SERVICE.ID. Clients send attach (for a stream; Mode is rw, ro or wo),
// resize, data and detach; the server answers an attach with attach, data and
// exit.
type TerminalMessage struct {
	Type     string   `json:"type"`
	Mode     string   `json:"mode,omitempty"`
	Winsize  *Winsize `json:"winsize,omitempty"`
	Encoding string   `json:"encoding,omitempty"` // of Data: base64, or "" for UTF-8
	Data     *string  `json:"data,omitempty"`     // of data: also when it is empty
	Message  string   `json:"message,omitempty"`
	Status   *int     `json:"status,omitempty"` // exit: a wait status
}

// TerminalData returns data as a message.
func TerminalData(data []byte) *TerminalMessage {
	m := &TerminalMessage{Type: "data", Data: new(string)}
	if utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 { // C programs take no NUL in a string
		*m.Data = string(data)
	} else {
		m.Encoding, *m.Data = "base64", base64.StdEncoding.EncodeToString(data)
	}
	return m
}

// Bytes decodes the data. EPROTO.
func (m *TerminalMessage) Bytes() ([]byte, error) {
	if m.Data == nil {
		return nil, nil
	}
	switch m.Encoding {
	case "":
		return []byte(*m.Data), nil
	case "base64":
		b, err := base64.StdEncoding.DecodeString(*m.Data)
		if err != nil {
			return nil, message.Errorf(syscall.EPROTO, "terminal data: %v", err)
		}
		return b, nil
	}
	return nil, message.Errorf(syscall.EPROTO, "invalid pty data encoding: %s", m.Encoding)
}

// TerminalList answers SERVICE.list.
type TerminalList struct {
	Sessions []TerminalSession `json:"sessions"`
	Server   TerminalServer    `json:"server"`
}

// TerminalSession is one session; times are seconds since the epoch.
type TerminalSession struct {
	ID      int     `json:"id"`
	Name    string  `json:"name"`
	Clients int     `json:"clients"`
	Pid     int     `json:"pid"`
	Exited  int     `json:"exited"`
	Ctime   float64 `json:"ctime"`
}

// TerminalServer describes a server.
type TerminalServer struct {
	Service string  `json:"service"`
	Rank    uint32  `json:"rank"`
	Ctime   float64 `json:"ctime"`
}

// TerminalNew is SERVICE.new: a session of Cmd, or of the server's shell. The
// environment and directory are the server's where none are given. With Wait
// the session stays until a client has attached.
type TerminalNew struct {
	Name    string            `json:"name"`
	Cmd     []string          `json:"cmd,omitempty"`
	Environ map[string]string `json:"environ,omitempty"`
	Cwd     string            `json:"cwd,omitempty"`
	Wait    int               `json:"wait,omitzero"`
}

// TerminalOpened answers SERVICE.new: where to attach.
type TerminalOpened struct {
	Name    string `json:"name"`
	Service string `json:"pty_service"`
	ID      int    `json:"id"`
}

// TerminalKill is SERVICE.kill; with Wait it is answered when the session has
// ended.
type TerminalKill struct {
	ID     int `json:"id"`
	Signal int `json:"signal"`
	Wait   int `json:"wait,omitzero"`
}
