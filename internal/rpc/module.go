// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

// ModuleLoad is module.load (RFC 5).
type ModuleLoad struct {
	Path string   `json:"path"`
	Name string   `json:"name,omitzero"`
	Args []string `json:"args"`
	Exec bool     `json:"exec,omitzero"`
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
