// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

// Name is the payload of requests that take a name: attr.get, attr.rm.
type Name struct {
	Name string `json:"name"`
}

// AttrValue answers attr.get; bit 0 of the flags says that the value never changes.
type AttrValue struct {
	Value string `json:"value"`
	Flags int    `json:"flags"`
}

// AttrSet is attr.set. Force overrides the rule against updates.
type AttrSet struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Force bool   `json:"force,omitzero"`
}

// AttrNames answers attr.list.
type AttrNames struct {
	Names []string `json:"names"`
}

// Topic is event.subscribe and event.unsubscribe.
type Topic struct {
	Topic string `json:"topic"`
}

// EventPublish is event.publish: flags as in RFC 3 (private), payload in base64.
type EventPublish struct {
	Topic   string `json:"topic"`
	Flags   int    `json:"flags"`
	Payload []byte `json:"payload,omitempty"`
}

// EventSequence answers event.publish.
type EventSequence struct {
	Seq uint32 `json:"seq"`
}

// ServiceName is service.add and service.remove.
type ServiceName struct {
	Service string `json:"service"`
}

// Dmesg is log.dmesg: the ring's records, and with Follow those to come.
type Dmesg struct {
	Follow    bool `json:"follow"`
	NoBacklog bool `json:"nobacklog,omitzero"`
}

// Matchtag is the payload of requests that cancel a stream.
type Matchtag struct {
	Matchtag uint32 `json:"matchtag"`
}

// EnvNames is broker.getenv.
type EnvNames struct {
	Names []string `json:"names"`
}

// Env answers broker.getenv: the variables that are set.
type Env struct {
	Env map[string]string `json:"env"`
}

// EnvSet is broker.setenv; null unsets a variable.
type EnvSet struct {
	Env map[string]*string `json:"env"`
}

// ConfKeys is broker.conf-builtin.
type ConfKeys struct {
	Keys []any `json:"keys"` // what is not text is passed over
}

// ConfValues answers broker.conf-builtin.
type ConfValues struct {
	Values map[string]string `json:"values"`
}

// RuntimeStats answers broker.runtime-stats: what the broker's process holds,
// garbage collected.
type RuntimeStats struct {
	HeapBytes  uint64 `json:"heap_bytes"`
	Goroutines int    `json:"goroutines"`
	Files      int    `json:"files"` // open; -1 where it cannot be told
}
