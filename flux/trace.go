// SPDX-License-Identifier: LGPL-3.0-or-later

package flux

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"goflux/internal/message"
)

// traceEnv is the variable that has clients print their messages
// (flux-environment(7)).
const traceEnv = "FLUX_HANDLE_TRACE"

// traced prints the messages of a connection.
type traced struct {
	conn
	mu    sync.Mutex
	w     io.Writer
	start time.Time
}

// trace has the messages of cn printed if the environment says so.
func trace(cn conn) conn {
	if os.Getenv(traceEnv) == "" {
		return cn
	}
	return &traced{conn: cn, w: os.Stderr, start: time.Now()}
}

func (t *traced) SendWait(m *message.Message) error {
	t.print(m)
	return t.conn.SendWait(m)
}

func (t *traced) Recv() (*message.Message, error) {
	m, err := t.conn.Recv()
	if err == nil {
		t.print(m)
	}
	return m, err
}

// print prints a message: its type as a letter before each line, the seconds
// since the connection was made, topic, fields and payload.
func (t *traced) print(m *message.Message) {
	letter := map[message.Type]string{
		message.TypeRequest: ">", message.TypeResponse: "<", message.TypeEvent: "e", message.TypeControl: "c",
	}[m.Type]
	fields := fmt.Sprintf("userid=%s rolemask=0x%x", userText(m.UserID), uint32(m.Rolemask))
	switch m.Type {
	case message.TypeRequest:
		fields += fmt.Sprintf(" nodeid=%s matchtag=%d", nodeText(m.NodeID), m.Matchtag)
	case message.TypeResponse:
		fields += fmt.Sprintf(" errnum=%d matchtag=%d", m.Errnum, m.Matchtag)
	case message.TypeEvent:
		fields += fmt.Sprintf(" seq=%d", m.Sequence)
	}
	text := []string{fmt.Sprintf("%.5f", time.Since(t.start).Seconds()), m.Topic, fields}
	if m.HasPayload() {
		text = append(text, strings.TrimRight(strings.ToValidUTF8(string(m.Payload()), "."), "\x00\n"))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, "--------------------------------------\n%[1]s %[2]s\n", letter, strings.Join(text, "\n"+letter+" "))
}

func userText(id uint32) string {
	if id == message.UserUnknown {
		return "unknown"
	}
	return fmt.Sprint(id)
}

func nodeText(id uint32) string {
	switch id {
	case message.NodeAny:
		return "any"
	case message.NodeUpstream:
		return "upstream"
	}
	return fmt.Sprint(id)
}
