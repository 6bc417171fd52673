// SPDX-License-Identifier: LGPL-3.0-or-later

package link

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"goflux/internal/message"
)

func identity(t *testing.T) *Identity {
	t.Helper()
	id, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func key(t *testing.T, id *Identity) ed25519.PublicKey {
	t.Helper()
	k, err := PublicKey(id.Public())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// connect links two ends over uri; server's error is returned, too.
func connect(t *testing.T, uri string, server, client *Identity, admitted, expected ed25519.PublicKey) (a, b net.Conn, err error) {
	t.Helper()
	ln, err := Listen(uri, server, func(k ed25519.PublicKey) bool { return k.Equal(admitted) }, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	type accepted struct {
		nc  net.Conn
		err error
	}
	done := make(chan accepted, 1)
	go func() {
		nc, err := ln.Accept()
		if err == nil {
			nc, err = ln.Admit(nc)
		}
		done <- accepted{nc, err}
	}()
	a, derr := Dial(context.Background(), ln.URI(), client, expected, Options{})
	acc := <-done
	if derr != nil {
		return nil, nil, derr
	}
	return a, acc.nc, acc.err
}

func TestLinks(t *testing.T) {
	server, client := identity(t), identity(t)
	for _, uri := range []string{"tcp://127.0.0.1:*", "tcp://lo:0", "ipc://" + filepath.Join(t.TempDir(), "s")} {
		a, b, err := connect(t, uri, server, client, key(t, client), key(t, server))
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		sa, sb := NewStream(a, 0), NewStream(b, 0)
		const n = 1000
		go func() {
			for i := range n {
				_ = sa.SendWait(message.NewEvent(fmt.Sprintf("e.%d", i), []byte(strings.Repeat("x", i))))
			}
		}()
		for i := range n {
			m, err := sb.Recv()
			if err != nil || m.Topic != fmt.Sprintf("e.%d", i) || len(m.Payload()) != i {
				t.Fatalf("%s: message %d: %v, %v", uri, i, m, err)
			}
		}
		sa.Close()
		if _, err := sb.Recv(); err == nil {
			t.Errorf("%s: a message after the end", uri)
		}
		sb.Close()
	}
}

// Neither side talks to somebody whose key it does not know.
func TestStrangers(t *testing.T) {
	server, client, stranger := identity(t), identity(t), identity(t)
	if _, _, err := connect(t, "tcp://127.0.0.1:*", server, client, key(t, client), key(t, stranger)); err == nil {
		t.Error("the client accepted a stranger")
	}
	a, _, err := connect(t, "tcp://127.0.0.1:*", server, stranger, key(t, client), key(t, server))
	if err == nil {
		// TLS 1.3 lets a client finish first; it hears at its first read.
		if _, err = a.Read(make([]byte, 1)); err == nil {
			t.Error("the server accepted a stranger")
		}
	}
}

func TestDerive(t *testing.T) {
	a, err := DeriveIdentity([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := DeriveIdentity([]byte("secret"))
	c, _ := DeriveIdentity([]byte("other"))
	if a.Public() != b.Public() || a.Public() == c.Public() {
		t.Error("the key does not depend on the secret alone")
	}
}

const certText = `#   ****  Generated on 2026-01-01 ****
#   secret-key = "comment"

metadata
    name = "test"
    secret-key = "not this"
curve
    public-key = "abc"
    secret-key = "Yb!.=x)"
`

func TestLoadIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cert")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(certText, 0o600)
	got, err := LoadIdentity(path)
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := DeriveIdentity([]byte("Yb!.=x)")); got.Public() != want.Public() {
		t.Error("another key than the secret's")
	}
	write(certText, 0o640)
	if _, err := LoadIdentity(path); err == nil || !strings.Contains(err.Error(), "readable by group/other") {
		t.Errorf("a readable secret: %v", err)
	}
	write("curve\n    public-key = \"abc\"\n", 0o600)
	if _, err := LoadIdentity(path); err == nil {
		t.Error("a certificate without a secret was accepted")
	}
	if _, err := LoadIdentity(path + "x"); err == nil {
		t.Error("a missing file was accepted")
	}
}

func TestEndpoints(t *testing.T) {
	for _, bad := range []string{"", "tcp://", "ipc://", "udp://x:1", "x", "tcp://host"} {
		if ln, err := Listen(bad, identity(t), nil, Options{}); err == nil {
			ln.Close()
			t.Errorf("%q was accepted", bad)
		}
	}
}
