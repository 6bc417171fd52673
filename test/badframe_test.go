// SPDX-License-Identifier: LGPL-3.0-or-later

package test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"goflux/internal/message"
)

// A frame as it is on a local socket (RFC 3): magic, length, parts.
func frame(body []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0x12, 0x00, 0xEE, 0xFF}, uint32(len(body)))
	return append(b, body...)
}

// header is a message's last part, with its size before it.
func header(version, kind, flags byte, words ...uint32) []byte {
	b := []byte{20, 0x8E, version, kind, flags}
	for i := range 4 {
		var w uint32
		if i < len(words) {
			w = words[i]
		}
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

func part(s string) []byte {
	if len(s) < 255 {
		return append([]byte{byte(len(s))}, s...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{255}, uint32(len(s))), s...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

const (
	topicFlag, payloadFlag, routeFlag = 1, 2, 8
	unknownUser                       = 0xFFFFFFFF
	anyNode                           = 0xFFFFFFFF
)

// request is a well-formed request frame with a payload of choice.
func request(topic, payload string, nodeid uint32) []byte {
	return frame(join([]byte{0}, part(topic), part(payload), header(1, 1, topicFlag|payloadFlag|routeFlag, unknownUser, 0, nodeid, 7)))
}

func badFrames(t *testing.T, c *cluster) {
	deep := strings.Repeat("[", 1<<20) + "\x00"
	for _, e := range []struct {
		name string
		sent []byte
	}{
		{"nothing", nil},
		{"wrong magic", []byte("GET / HTTP/1.1\r\n\r\n")},
		{"half a magic", []byte{0x12, 0x00}},
		{"length without body", []byte{0x12, 0x00, 0xEE, 0xFF, 0, 1, 0, 0}},
		{"largest length", []byte{0x12, 0x00, 0xEE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}},
		{"length zero", frame(nil)},
		{"header cut short", frame(header(1, 1, 0)[:10])},
		{"header alone", frame(header(1, 1, topicFlag|routeFlag))},
		{"wrong header magic", frame(append([]byte{20, 0x00}, header(1, 1, 0)[2:]...))},
		{"version 99", frame(header(99, 1, 0))},
		{"type 0", frame(header(1, 0, 0))},
		{"type 255", frame(header(1, 255, 0))},
		{"all flags", frame(join([]byte{0}, part("x"), part("y"), header(1, 1, 0xFF)))},
		{"part longer than the frame", frame(join([]byte{255, 0xFF, 0xFF, 0xFF, 0xFF}, header(1, 1, topicFlag)))},
		{"no route delimiter", frame(join(part("a"), part("b"), header(1, 1, topicFlag|routeFlag)))},
		{"a thousand routes", frame(join(bytes.Repeat(part("r"), 1000), []byte{0}, part("x.y"), header(1, 1, topicFlag|routeFlag)))},
		{"response without routes", frame(join([]byte{0}, part("attr.get"), header(1, 2, topicFlag|routeFlag)))},
		{"response to nobody", frame(join(part("nobody"), []byte{0}, part("attr.get"), header(1, 2, topicFlag|routeFlag)))},
		{"event", frame(join(part("heartbeat.pulse"), part("{}\x00"), header(1, 4, topicFlag|payloadFlag, unknownUser)))},
		{"control", frame(header(1, 8, 0, unknownUser, 0, 9, 9))},
		{"request without topic", frame(join([]byte{0}, header(1, 1, routeFlag)))},
		{"topic that is not UTF-8", request("\xff\xfe.\x00", "{}\x00", anyNode)},
		{"topic of a megabyte", request(strings.Repeat("a", 1<<20), "{}\x00", anyNode)},
		{"payload without NUL", request("attr.get", `{"name":"rank"}`, anyNode)},
		{"payload that is not JSON", request("attr.get", "\x01\x02\x03", anyNode)},
		{"payload of another shape", request("attr.get", "[1,2,3]\x00", anyNode)},
		{"payload with other types", request("attr.get", "{\"name\":5}\x00", anyNode)},
		{"deep payload", request("kvs.commit", deep, anyNode)},
		{"rank that is not", request("attr.get", "{}\x00", 99)},
		{"service that is not", request("nosuch.method", "{}\x00", anyNode)},
		{"method that is not", request("kvs.nosuch", "{}\x00", anyNode)},
		{"job of garbage", request("job-ingest.submit", "{\"J\":\"...\",\"urgency\":16,\"flags\":0}\x00", anyNode)},
	} {
		t.Run(e.name, func(t *testing.T) { sendFrame(t, &cluster{c.Instance, t}, e.sent) })
	}
}

// sendFrame sends bytes on a connection of their own. The broker answers an
// error or closes the connection; what it must not do is hang or fall over.
func sendFrame(t *testing.T, c *cluster, sent []byte) {
	nc := dial(t, c)
	if _, err := nc.Write(sent); err != nil {
		t.Logf("closed while we wrote: %v", err)
	}
	// After it a good request: it may be answered, or the connection is closed.
	_, _ = nc.Write(request("attr.get", "{\"name\":\"rank\"}\x00", anyNode))
	if err := nc.CloseWrite(); err != nil {
		t.Logf("closed by the broker: %v", err)
	}
	if err := nc.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for {
		m, err := message.ReadFrame(nc)
		if err == io.EOF {
			break
		}
		if err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Fatal("the broker neither answers nor closes")
			}
			break // reset
		}
		t.Logf("answered %s, errno %d", m.Topic, m.Errnum)
	}
	c.alive()
}

// dial connects to the leader's socket and takes its welcome.
func dial(t *testing.T, c *cluster) *net.UnixConn {
	t.Helper()
	path, _ := strings.CutPrefix(c.URI, "local://")
	nc, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if _, err := io.ReadFull(nc, make([]byte, 1)); err != nil {
		t.Fatalf("no welcome: %v", err)
	}
	return nc
}
