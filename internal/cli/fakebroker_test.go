// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/rogpeppe/go-internal/testscript"

	"goflux/internal/link"
	"goflux/internal/message"
)

// fakeBroker answers requests from the file "answers" of a script's directory
// and writes those it gets to "requests", so that a script tells both ends of
// the wire. A line of answers is
//
//	TOPIC PAYLOAD        JSON, or "-" for none
//	TOPIC !ERRNO [TEXT]  an error
//	TOPIC =BYTES         a payload that is not JSON, as a Go string
//	TOPIC@RANK ...       for requests to a rank
//	TOPIC?PART ...       for requests whose payload contains PART
//	TOPIC ~PART          nothing, but wait for a request that contains PART
//
// Requests for one topic get one line after the other, the last one from then
// on; a stream gets all of them, and then its end.
type fakeBroker struct {
	dir string

	mu    sync.Mutex
	noted *sync.Cond // a request has been noted
	notes []string
	used  map[string]int
}

// answer is a line of the file of answers.
type answer struct{ topic, part, body string }

func startFakeBroker(dir string) (uri string, stop func(), err error) {
	socketDir, err := os.MkdirTemp("", "fb")
	if err != nil {
		return "", nil, err
	}
	l, err := net.Listen("unix", filepath.Join(socketDir, "s"))
	if err != nil {
		return "", nil, err
	}
	b := &fakeBroker{dir: dir, used: map[string]int{}}
	b.noted = sync.NewCond(&b.mu)
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go b.serve(nc)
		}
	}()
	stop = func() {
		l.Close()
		os.RemoveAll(socketDir)
	}
	return "local://" + l.Addr().String(), stop, nil
}

func (b *fakeBroker) serve(nc net.Conn) {
	if _, err := nc.Write([]byte{0}); err != nil {
		return
	}
	s := link.NewStream(nc, 0)
	defer s.Close()
	for {
		m, err := s.Recv()
		if err != nil {
			return
		}
		responses := b.respond(m)
		go func() {
			for _, a := range responses {
				if part, ok := strings.CutPrefix(a.body, "~"); ok {
					b.await(part)
				} else if err := s.SendWait(a.response(m)); err != nil {
					return
				}
			}
		}()
	}
}

// await waits for a request that contains part.
func (b *fakeBroker) await(part string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !slices.ContainsFunc(b.notes, func(n string) bool { return strings.Contains(n, part) }) {
		b.noted.Wait()
	}
}

// respond notes a request and returns what answers it.
func (b *fakeBroker) respond(m *message.Message) []answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	payload := strings.TrimRight(string(m.Payload()), "\x00")
	b.note(m, payload)
	if m.Is(message.FlagNoResponse) {
		return nil
	}
	matching, key := b.find(m, payload)
	switch {
	case matching == nil:
		return []answer{{body: "!38"}}
	case m.Is(message.FlagStreaming):
		return append(matching, answer{body: "!61"})
	}
	n := min(b.used[key], len(matching)-1)
	b.used[key]++
	return matching[n : n+1]
}

func (b *fakeBroker) note(m *message.Message, payload string) {
	f, err := os.OpenFile(filepath.Join(b.dir, "requests"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	node := "any"
	if m.NodeID != message.NodeAny {
		node = strconv.Itoa(int(m.NodeID))
	}
	line := fmt.Sprintf("%s %s %s\n", m.Topic, node, payload)
	fmt.Fprint(f, line)
	b.notes = append(b.notes, line)
	b.noted.Broadcast()
}

// find returns the answers for a request: those for its payload before those
// for its topic alone.
func (b *fakeBroker) find(m *message.Message, payload string) (found []answer, key string) {
	text, err := os.ReadFile(filepath.Join(b.dir, "answers"))
	if err != nil {
		return nil, ""
	}
	var general []answer
	for line := range strings.Lines(string(text)) {
		head, body, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		t, part, special := strings.Cut(head, "?")
		a := answer{t, part, body}
		switch {
		case t != m.Topic && t != fmt.Sprintf("%s@%d", m.Topic, m.NodeID):
		case !special:
			general = append(general, a)
		case strings.Contains(payload, part) && (key == "" || key == head):
			found, key = append(found, a), head
		}
	}
	if found != nil {
		return found, key
	}
	return general, m.Topic
}

func (a answer) response(m *message.Message) *message.Message {
	r := m.Response()
	switch {
	case a.body == "-":
	case strings.HasPrefix(a.body, "!"):
		num, text, _ := strings.Cut(a.body[1:], " ")
		n, err := strconv.Atoi(num)
		if err != nil {
			panic(a.body)
		}
		return m.ErrorResponse(message.Errorf(syscall.Errno(n), "%s", text))
	case strings.HasPrefix(a.body, "="):
		raw, err := strconv.Unquote(a.body[1:])
		if err != nil {
			panic(a.body)
		}
		r.SetRaw([]byte(raw))
	default:
		r.SetValue(jsontext.Value(a.body))
	}
	return r
}

// TestWire runs the scripts that show what commands ask and what they make of
// the answers.
func TestWire(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/wire",
		Setup: func(e *testscript.Env) error {
			uri, stop, err := startFakeBroker(e.WorkDir)
			if err != nil {
				return err
			}
			e.Defer(stop)
			e.Setenv("FLUX_URI", uri)
			e.Setenv("TZ", "UTC")
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
	})
}
