// SPDX-License-Identifier: LGPL-3.0-or-later

package message

import (
	"bytes"
	"encoding/hex"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var ignorePayload = cmpopts.IgnoreUnexported(Message{})

func sameMessage(t interface{ Fatalf(string, ...any) }, want, got *Message) {
	if d := cmp.Diff(want, got, ignorePayload, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("message changed:\n%s", d)
	}
	if !bytes.Equal(want.Payload(), got.Payload()) || want.HasPayload() != got.HasPayload() {
		t.Fatalf("payload changed: %q, want %q", got.Payload(), want.Payload())
	}
}

func genMessage(t *rapid.T) *Message {
	m := &Message{
		Type:  rapid.SampledFrom([]Type{TypeRequest, TypeResponse, TypeEvent, TypeControl}).Draw(t, "type"),
		Flags: Flags(rapid.Byte().Draw(t, "flags")) &^ (FlagTopic | FlagPayload | FlagRoute),
		Cred:  Cred{UserID: rapid.Uint32().Draw(t, "uid"), Rolemask: Role(rapid.Uint32().Draw(t, "roles"))},
	}
	a, b := rapid.Uint32().Draw(t, "a"), rapid.Uint32().Draw(t, "b")
	switch m.Type {
	case TypeRequest:
		m.NodeID, m.Matchtag = a, b
	case TypeResponse:
		m.Errnum, m.Matchtag = a, b
	case TypeEvent:
		m.Sequence = a
	default:
		m.ControlType, m.ControlStatus = a, b
		return m
	}
	m.Topic = rapid.StringMatching(`[a-z.-]{1,300}`).Draw(t, "topic")
	if m.Type != TypeEvent {
		m.Flags |= FlagRoute
		m.Routes = rapid.SliceOfN(rapid.StringMatching(`[0-9a-f-]{1,36}`), 0, 5).Draw(t, "routes")
	}
	if rapid.Bool().Draw(t, "payload") {
		m.SetRaw(rapid.SliceOfN(rapid.Byte(), 0, 700).Draw(t, "raw"))
	}
	return m
}

func TestFrameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := genMessage(t)
		got, err := ReadFrame(bytes.NewReader(AppendFrame(nil, m)))
		if err != nil {
			t.Fatal(err)
		}
		sameMessage(t, m, got)
	})
}

// The bytes of a request as flux-core 0.88 puts them on its local socket.
func TestFrameBytes(t *testing.T) {
	m := NewRequest("attr.get", NodeAny, map[string]any{"name": "rank"})
	m.Matchtag = 1
	want := "1200eeff" + "00000030" + "00" +
		"08" + hex.EncodeToString([]byte("attr.get")) +
		"10" + hex.EncodeToString([]byte("{\"name\":\"rank\"}\x00")) +
		"14" + "8e01010b" + "ffffffff" + "00000000" + "ffffffff" + "00000001"
	if got := hex.EncodeToString(AppendFrame(nil, m)); got != want {
		t.Errorf("frame\n got %s\nwant %s", got, want)
	}
}

func TestDecodeRejects(t *testing.T) {
	good := AppendFrame(nil, NewRequest("a.b", 3, nil))
	for name, tc := range map[string]struct {
		frame []byte
		errno syscall.Errno
		text  string
	}{
		"magic":      {append([]byte{1}, good[1:]...), syscall.EPROTO, "magic"},
		"huge":       {append([]byte{0x12, 0, 0xee, 0xff, 0xff, 0xff, 0xff, 0xff}, good...), syscall.EMSGSIZE, "size"},
		"short":      {[]byte{0x12, 0, 0xee, 0xff, 0, 0, 0, 2, 0, 0}, syscall.EPROTO, "header"},
		"truncated":  {good[:len(good)-1], syscall.EINVAL, "EOF"},
		"type":       {replace(good, len(good)-18, 0x03), syscall.EPROTO, "type"},
		"version":    {replace(good, len(good)-19, 9), syscall.EPROTO, "version"},
		"no topic":   {replace(good, len(good)-17, 0x08), syscall.EPROTO, "too many"},
		"no payload": {replace(good, len(good)-17, 0x0b), syscall.EPROTO, "part missing"},
	} {
		_, err := ReadFrame(bytes.NewReader(tc.frame))
		if err == nil || Errno(err) != tc.errno || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: got error %v, want errno %d with %q", name, err, tc.errno, tc.text)
		}
	}
}

func replace(b []byte, i int, v byte) []byte {
	c := bytes.Clone(b)
	c[i] = v
	return c
}

func TestDecodeTypedWithoutJSON(t *testing.T) {
	type body struct{ F func() } // cannot be JSON: proves that none is made
	v := body{F: func() {}}
	var got body
	if err := NewRequest("x.y", NodeAny, &v).Decode(&got); err != nil || got.F == nil {
		t.Errorf("pointer: %v", err)
	}
	got.F = nil
	if err := NewRequest("x.y", NodeAny, v).Decode(&got); err != nil || got.F == nil {
		t.Errorf("value: %v", err)
	}
}

func TestDecodeAcrossTypes(t *testing.T) {
	m := NewRequest("x.y", NodeAny, map[string]any{"a": 1.0, "b": nil})
	var got struct {
		A float64 `json:"a"`
	}
	if err := m.Decode(&got); err != nil || got.A != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if s := string(m.JSON()); s != `{"a":1.0,"b":null}` {
		t.Errorf("floats keep their fraction: %s", s)
	}
	if err := NewRequest("x.y", NodeAny, nil).Decode(&got); Errno(err) != syscall.EPROTO {
		t.Errorf("missing payload: %v", err)
	}
	if err := NewRequest("x.y", NodeAny, nil).Decode(&struct{}{}); err != nil {
		t.Errorf("no payload wanted: %v", err)
	}
}

func TestNumbersKeepTheirKind(t *testing.T) {
	const text = `{"a":1,"b":1.0,"c":[2,2.5,{"d":-3}],"e":18446744073709551615}`
	var v any
	if err := Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	v.(map[string]any)["e"] = uint64(18446744073709551615)
	b, err := Marshal(v)
	if err != nil || string(b) != text {
		t.Errorf("got %s, %v", b, err)
	}
}

func TestErrorResponse(t *testing.T) {
	req := NewRequest("x.y", NodeAny, nil).PushRoute("abc")
	for _, tc := range []struct {
		err  error
		text string
	}{
		{syscall.ENOENT, "No such file or directory"},
		{Errorf(syscall.EINVAL, "%s is bad", "it"), "it is bad"},
	} {
		resp := req.ErrorResponse(tc.err)
		got, err := ReadFrame(bytes.NewReader(AppendFrame(nil, resp)))
		if err != nil {
			t.Fatal(err)
		}
		if e := got.Err(); Errno(e) != Errno(tc.err) || e.Error() != tc.text {
			t.Errorf("%v came back as %v", tc.err, e)
		}
	}
}

func TestRoutes(t *testing.T) {
	m := NewRequest("x.y", NodeAny, nil)
	a := m.PushRoute("client").PushRoute("broker")
	if len(m.Routes) != 0 || a.Sender() != "client" {
		t.Fatalf("routes %v %v", m.Routes, a.Routes)
	}
	b, hop := a.Response().PopRoute()
	c, hop2 := b.PopRoute()
	if hop != "broker" || hop2 != "client" || len(c.Routes) != 0 || len(a.Routes) != 2 {
		t.Errorf("popped %q %q, left %v", hop, hop2, c.Routes)
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add(AppendFrame(nil, NewRequest("attr.get", NodeAny, map[string]any{"name": "rank"}).PushRoute("c")))
	f.Add(AppendFrame(nil, NewEvent("heartbeat.pulse", nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ReadFrame(bytes.NewReader(b))
		if err != nil {
			return
		}
		again, err := ReadFrame(bytes.NewReader(AppendFrame(nil, m)))
		if err != nil {
			t.Fatal(err)
		}
		sameMessage(t, m, again)
	})
}
