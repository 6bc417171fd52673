// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

import "github.com/go-json-experiment/json/jsontext"

// ModuleLoad is module.load (RFC 5). Loader is the program that runs the module
// in a process of its own.
type ModuleLoad struct {
	Path   string   `json:"path"`
	Name   string   `json:"name,omitzero"`
	Args   []string `json:"args"`
	Exec   bool     `json:"exec,omitzero"`
	Loader string   `json:"loader,omitzero"`
}

// ModuleRemove is module.remove (RFC 5).
type ModuleRemove struct {
	Name   string `json:"name"`
	Cancel bool   `json:"cancel,omitzero"`
}

// Module is an entry of module.list: idle in seconds, status as RFC 5's
// module states.
type Module struct {
	Name      string   `json:"name"`
	Path      string   `json:"path"`
	Idle      int      `json:"idle"`
	Status    int      `json:"status"`
	Services  []string `json:"services"`
	SendQueue int      `json:"sendqueue"`
	RecvQueue int      `json:"recvqueue"`
}

// ModuleList answers module.list.
type ModuleList struct {
	Mods []Module `json:"mods"`
}

// ModuleTrace is module.trace: a stream of the messages that modules send and
// receive. Typemask has the bits of RFC 3's message types; no names are all
// modules; Full asks for JSON payloads.
type ModuleTrace struct {
	Typemask  int      `json:"typemask"`
	TopicGlob string   `json:"topic_glob"`
	Names     []string `json:"names"`
	Full      bool     `json:"full"`
}

// ModuleTraced answers module.trace with one message: Prefix is "tx" or "rx",
// Timestamp in seconds since the epoch.
type ModuleTraced struct {
	Timestamp   float64        `json:"timestamp"`
	Prefix      string         `json:"prefix"`
	Name        string         `json:"name"`
	Type        int            `json:"type"`
	Topic       string         `json:"topic"`
	PayloadSize int            `json:"payload_size"`
	Payload     jsontext.Value `json:"payload,omitempty"`
	Errnum      int            `json:"errnum,omitzero"`
	Errstr      string         `json:"errstr,omitzero"`
}

// ModuleStatus is module.status (RFC 5, Status Request).
type ModuleStatus struct {
	Status *int `json:"status"`
	Errnum int  `json:"errnum,omitzero"`
}

// ModuleDebug is module.debug: Defer holds a module's messages back.
type ModuleDebug struct {
	Name  string `json:"name"`
	Defer *bool  `json:"defer,omitzero"`
}
