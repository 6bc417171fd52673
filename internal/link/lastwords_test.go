// SPDX-License-Identifier: LGPL-3.0-or-later

package link

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"

	"goflux/internal/message"
)

// What the other side said before it closed is read, though it could not be
// answered any more.
func TestLastWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	leaving, staying := NewStream(near, 0), NewStream(far, 0)
	const words = 100
	for range words {
		if err := leaving.Send(message.NewRequest("last.word", 0, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if err := leaving.Close(); err != nil {
		t.Fatal(err)
	}
	if err := staying.Send(message.NewRequest("too.late", 0, nil)); err != nil {
		t.Fatal(err)
	}
	<-staying.written // it has failed to
	for i := range words {
		if m, err := staying.Recv(); err != nil || m.Topic != "last.word" {
			t.Fatalf("after %d words: %v", i, err)
		}
	}
	if _, err := staying.Recv(); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the end: %v", err)
	}
	staying.Abort()
}
