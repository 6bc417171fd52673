// SPDX-License-Identifier: LGPL-3.0-or-later

package link

import (
	"fmt"
	"net"
	"testing"
)

// fakeConn is a connection from some address.
type fakeConn struct {
	net.Conn
	from   string
	closed bool
}

func (c *fakeConn) Close() error         { c.closed = true; return nil }
func (c *fakeConn) RemoteAddr() net.Addr { return fakeAddr(c.from) }

type fakeAddr string

func (a fakeAddr) Network() string { return "tcp" }
func (a fakeAddr) String() string  { return string(a) }

// One host can fill its own share alone, and many hosts push out who has been
// silent for longest.
func TestGate(t *testing.T) {
	g := NewGate(0)
	for i := range gatePerHost {
		if !g.Enter(&fakeConn{from: fmt.Sprintf("[2001:db8::%x]:1", i)}) {
			t.Fatalf("connection %d of a network is refused", i)
		}
	}
	crowd := &fakeConn{from: "[2001:db8::ffff]:1"}
	if g.Enter(crowd) || !crowd.closed {
		t.Error("a host may have any number of connections")
	}
	oldest := g.waiting[0].(*fakeConn)
	for i := range gateMost {
		c := &fakeConn{from: fmt.Sprintf("10.0.%d.%d:1", i/256, i%256)}
		if !g.Enter(c) {
			t.Fatalf("host %d is refused", i)
		}
	}
	if !oldest.closed || g.Len() != gateMost {
		t.Errorf("%d wait", g.Len())
	}
	g.Leave(g.waiting[0])
	if g.Len() != gateMost-1 {
		t.Error("who has left still counts")
	}
}
