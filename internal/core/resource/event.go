// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"encoding/json"
	"fmt"

	"goflux/eventlog"
	"goflux/idset"
	"goflux/internal/message"
)

// Names of events (RFC 44).
const (
	EventRestart = "restart"
	EventDefine  = "resource-define"
	EventUpdate  = "resource-update"
	EventDrain   = "drain"
	EventUndrain = "undrain"
	EventOnline  = "online"
	EventOffline = "offline"
	EventTorpid  = "torpid"
	EventLively  = "lively"

	eventTruncate = "truncate"
	// eventInit is what versions of flux-core before 0.62 wrote at each start:
	// it restates the drained nodes.
	eventInit = "resource-init"
)

// Methods by which resources are defined (RFC 44, resource-define).
const (
	MethodConfig    = "configuration"
	MethodDiscovery = "dynamic-discovery"
	MethodReload    = "reload"
	MethodJob       = "job-info"
	MethodKVS       = "kvs"
)

// Event is something that happened. A Durable one belongs in the eventlog that
// a restart replays; the others are for those who watch.
type Event struct {
	Entry   eventlog.Entry
	Durable bool
}

// Contexts of the events, with keys in the order that flux-core writes them.
type (
	restartContext struct {
		Ranks    string `json:"ranks"`
		Online   string `json:"online"`
		Nodelist string `json:"nodelist"`
	}
	idsetContext struct {
		Idset string `json:"idset"`
	}
	defineContext struct {
		Method string `json:"method"`
	}
	updateContext struct {
		Expiration float64 `json:"expiration"`
	}
	drainContext struct {
		Idset     *string `json:"idset"`
		Nodelist  *string `json:"nodelist"`
		Reason    *string `json:"reason,omitempty"`
		Overwrite *int    `json:"overwrite,omitempty"`
	}
	undrainContext struct {
		Idset     *string `json:"idset"`
		Nodelist  *string `json:"nodelist"`
		Overwrite int     `json:"overwrite"`
		Reason    *string `json:"reason,omitempty"`
	}
	initContext struct {
		Drain map[string]struct {
			Timestamp float64 `json:"timestamp"`
			Reason    *string `json:"reason,omitempty"`
		} `json:"drain"`
	}
)

// event makes an event of a context that is known to encode.
func event(now float64, name string, durable bool, context any) Event {
	b, err := message.Marshal(context)
	if err == nil {
		var e eventlog.Entry
		if e, err = eventlog.New(now, name, json.RawMessage(b)); err == nil {
			return Event{Entry: e, Durable: durable}
		}
	}
	panic(fmt.Sprintf("resource: event %s at %v: %v", name, now, err))
}

// transition returns the event name for the ids, none if there are none.
func transition(now float64, name string, ids *idset.Set) []Event {
	if ids.Empty() {
		return nil
	}
	return []Event{event(now, name, false, idsetContext{ids.String()})}
}
