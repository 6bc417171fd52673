// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
)

// Trace is an answer to overlay.trace and module.trace: a message that was seen.
type Trace struct {
	Timestamp   float64        `json:"timestamp"`
	Prefix      string         `json:"prefix"` // tx or rx
	Rank        int32          `json:"rank"`   // of the peer; -1 for none
	Name        *string        `json:"name"`   // of the module, or null
	Type        int            `json:"type"`
	Topic       string         `json:"topic"`
	PayloadSize int            `json:"payload_size"`
	Payload     jsontext.Value `json:"payload"`
	Errnum      int            `json:"errnum"`
	Errstr      string         `json:"errstr"`
}

// NewTrace describes a message; full adds its payload.
func NewTrace(prefix, module string, peer uint32, m *message.Message, full bool, now time.Time) *Trace {
	t := &Trace{
		Timestamp: float64(now.UnixMicro()) / 1e6, Prefix: prefix, Rank: int32(peer),
		Type: int(m.Type), Topic: m.Topic,
	}
	if module != "" {
		t.Name = &module
	}
	switch {
	case m.Type == message.TypeControl:
		t.Topic = controlTopic(m)
	case m.Type == message.TypeResponse && m.Errnum != 0:
		t.Errnum = int(m.Errnum)
		if full {
			t.Errstr = m.Err().Error()
		}
	case m.HasPayload():
		b := m.Payload()
		t.PayloadSize = len(b)
		if v := jsontext.Value(m.JSON()); full && v.IsValid() {
			t.Payload = v
		}
	}
	return t
}

func controlTopic(m *message.Message) string {
	names := [...]string{"heartbeat", "status", "disconnect", "goodbye"}
	name := "unknown"
	if int(m.ControlType) < len(names) {
		name = names[m.ControlType]
	}
	return fmt.Sprintf("%s %d", name, m.ControlStatus)
}
