// SPDX-License-Identifier: LGPL-3.0-or-later

package message

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"syscall"

	"github.com/go-json-experiment/json/jsontext"
)

// Type is the message type octet of RFC 3.
type Type uint8

// Message types (RFC 3). They are single bits so that a set of types is a mask.
const (
	TypeRequest  Type = 0x01
	TypeResponse Type = 0x02
	TypeEvent    Type = 0x04
	TypeControl  Type = 0x08
)

func (t Type) String() string {
	switch t {
	case TypeRequest:
		return "request"
	case TypeResponse:
		return "response"
	case TypeEvent:
		return "event"
	case TypeControl:
		return "control"
	}
	return fmt.Sprintf("type %#x", uint8(t))
}

// Flags is the flags octet of RFC 3.
type Flags uint8

// Message flags (RFC 3). Topic, Payload and Route are derived when a message
// is encoded and need not be set by hand.
const (
	FlagTopic      Flags = 0x01
	FlagPayload    Flags = 0x02
	FlagNoResponse Flags = 0x04
	FlagRoute      Flags = 0x08
	FlagUpstream   Flags = 0x10
	FlagPrivate    Flags = 0x20
	FlagStreaming  Flags = 0x40
	FlagUser1      Flags = 0x80
)

// NodeAny addresses the nearest broker upstream that has the service;
// NodeUpstream is what clients use to say "my parent" before it is resolved
// to the sender's rank and FlagUpstream.
const (
	NodeAny      uint32 = 0xFFFFFFFF
	NodeUpstream uint32 = 0xFFFFFFFE
)

// MatchtagNone marks a request whose sender does not match responses.
const MatchtagNone uint32 = 0

// Message is one RFC 3 message. Which of NodeID, Matchtag, Errnum, Sequence
// and Control* count depends on Type.
type Message struct {
	Type  Type
	Flags Flags
	Cred

	Topic string

	NodeID   uint32 // request: target rank, or NodeAny
	Matchtag uint32 // request, response
	Errnum   uint32 // response: 0 is success
	Sequence uint32 // event

	ControlType   uint32
	ControlStatus uint32

	// Routes is the route stack, bottom (first hop, nearest the sender) first.
	Routes []string

	raw   []byte
	value any
}

// NewRequest returns a request for topic addressed to nodeID with a payload
// value (nil for none).
func NewRequest(topic string, nodeID uint32, payload any) *Message {
	m := &Message{Type: TypeRequest, Cred: Unknown, Topic: topic, NodeID: nodeID}
	m.SetValue(payload)
	return m
}

// NewEvent returns an event; its sequence is assigned when rank 0 publishes it.
func NewEvent(topic string, payload any) *Message {
	m := &Message{Type: TypeEvent, Cred: Unknown, Topic: topic}
	m.SetValue(payload)
	return m
}

// Response returns an empty successful response to request m.
func (m *Message) Response() *Message {
	return &Message{
		Type:     TypeResponse,
		Flags:    m.Flags & (FlagStreaming | FlagRoute | FlagUser1),
		Cred:     m.Cred,
		Topic:    m.Topic,
		Matchtag: m.Matchtag,
		Routes:   m.Routes,
	}
}

// ErrorResponse returns the response to m that carries err: its errno, and its
// text where that says more than the errno does.
func (m *Message) ErrorResponse(err error) *Message {
	r := m.Response()
	errno := Errno(err)
	r.Errnum = uint32(errno)
	if text := err.Error(); text != "" && text != errno.Error() {
		r.raw = append([]byte(text), 0)
	}
	return r
}

// Err returns the error a response carries, or nil.
func (m *Message) Err() error {
	if m.Type != TypeResponse || m.Errnum == 0 {
		return nil
	}
	text := ""
	if b := m.Payload(); len(b) > 1 && b[len(b)-1] == 0 {
		text = string(b[:len(b)-1])
	}
	return &Error{Num: syscall.Errno(m.Errnum), Text: text}
}

// Clone returns a copy whose header and route stack may be changed. The
// payload is shared: it is immutable.
func (m *Message) Clone() *Message {
	c := *m
	c.Routes = append(make([]string, 0, len(m.Routes)+2), m.Routes...)
	return &c
}

// PushRoute returns a copy of m with one more hop on its route stack.
func (m *Message) PushRoute(id string) *Message {
	c := m.Clone()
	c.Flags |= FlagRoute
	c.Routes = append(c.Routes, id)
	return c
}

// PopRoute returns a copy of m without the topmost hop, and that hop ("" when
// the stack is empty).
func (m *Message) PopRoute() (*Message, string) {
	n := len(m.Routes)
	if n == 0 {
		return m, ""
	}
	c := *m
	c.Routes = m.Routes[: n-1 : n-1]
	return &c, m.Routes[n-1]
}

// Sender is the first hop of the route stack: the connection the message came
// from, "" when it has no routes.
func (m *Message) Sender() string {
	if len(m.Routes) == 0 {
		return ""
	}
	return m.Routes[0]
}

// Service is the topic up to its first period: the name requests are routed by.
func (m *Message) Service() string {
	name, _, _ := strings.Cut(m.Topic, ".")
	return name
}

// Is reports whether flag f is set.
func (m *Message) Is(f Flags) bool { return m.Flags&f != 0 }

// SetValue sets the payload to a Go value that is encoded as JSON when a
// socket asks for it. The value must not be changed afterwards. A []byte or
// jsontext.Value is taken as the payload's raw bytes (a Value gets the NUL
// that ends JSON payloads).
func (m *Message) SetValue(v any) {
	m.raw, m.value = nil, nil
	switch v := v.(type) {
	case nil:
	case []byte:
		m.raw = v
	case jsontext.Value:
		if v != nil {
			m.raw = append(bytes.Clone(v), 0)
		}
	default:
		m.value = v
	}
}

// SetRaw sets the payload bytes.
func (m *Message) SetRaw(b []byte) { m.raw, m.value = b, nil }

// HasPayload reports whether there is a payload.
func (m *Message) HasPayload() bool { return m.value != nil || m.raw != nil }

// Value returns the payload as the Go value it was sent as in this process, or
// nil when it came in as bytes.
func (m *Message) Value() any { return m.value }

// Payload returns the payload bytes; a Go value is encoded as JSON ended by a
// NUL. A value that cannot be encoded is a programming error and panics.
func (m *Message) Payload() []byte {
	if m.value == nil {
		return m.raw
	}
	b, err := Marshal(m.value)
	if err != nil {
		panic(fmt.Sprintf("message %s: payload %T: %v", m.Topic, m.value, err))
	}
	return append(b, 0)
}

// JSON returns the payload as JSON text without the NUL.
func (m *Message) JSON() []byte { return bytes.TrimSuffix(m.Payload(), []byte{0}) }

// Decode stores the payload in *dst. A payload sent in this process as a value
// (or pointer to a value) of dst's type is copied without JSON; a missing
// payload is an error unless dst is a *struct{}.
func (m *Message) Decode(dst any) error {
	if m.value != nil {
		if assign(dst, m.value) {
			return nil
		}
	}
	if !m.HasPayload() {
		if _, ok := dst.(*struct{}); ok {
			return nil
		}
		return Errorf(syscall.EPROTO, "Protocol error: %s: %s has no payload", m.Topic, m.Type)
	}
	if err := Unmarshal(m.JSON(), dst); err != nil {
		return Errorf(syscall.EPROTO, "Protocol error: %s: malformed payload: %s", m.Topic, jsonErrorText(err))
	}
	return nil
}

func jsonErrorText(err error) string { return strings.TrimPrefix(err.Error(), "json: ") }

// assign copies v into *dst when their types agree.
func assign(dst, v any) bool {
	d := reflect.ValueOf(dst)
	if d.Kind() != reflect.Pointer || d.IsNil() {
		return false
	}
	s := reflect.ValueOf(v)
	if s.Type() == d.Type() && !s.IsNil() {
		s = s.Elem()
	}
	if s.Type() != d.Type().Elem() {
		return false
	}
	d.Elem().Set(s)
	return true
}

func (m *Message) String() string {
	s := fmt.Sprintf("%s %s", m.Type, m.Topic)
	if m.Type == TypeResponse && m.Errnum != 0 {
		s += fmt.Sprintf(" errnum=%d", m.Errnum)
	}
	return s
}
