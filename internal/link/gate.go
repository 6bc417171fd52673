// SPDX-License-Identifier: LGPL-3.0-or-later

package link

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// Gate bounds what strangers can cost: the connections whose other end is not
// known yet. Each holds some 50 kB for the handshake and up to its time limit.
type Gate struct {
	most    int // connections
	perHost int // of them from one host
	mu      sync.Mutex
	waiting []net.Conn // oldest first
}

const (
	// gateMost is how many strangers are listened to at a time, besides as many
	// connections as are expected.
	gateMost = 256
	// gatePerHost leaves room for others when one host connects in a loop, and
	// for a whole instance of brokers on one host.
	gatePerHost = 64
)

// NewGate returns a gate for a listener to which expected peers connect.
func NewGate(expected int) *Gate {
	return &Gate{most: gateMost + expected, perHost: max(gatePerHost, expected)}
}

// Enter lets a new connection in; false closes it, since its host has too many.
// When there are too many in all, the one that has been silent for longest has
// to go: who can prove who they are does so in milliseconds.
func (g *Gate) Enter(nc net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	host, n := hostOf(nc), 0
	for _, w := range g.waiting {
		if hostOf(w) == host {
			n++
		}
	}
	if n >= g.perHost {
		nc.Close()
		return false
	}
	if len(g.waiting) >= g.most {
		g.waiting[0].Close()
		g.waiting = slices.Delete(g.waiting, 0, 1)
	}
	g.waiting = append(g.waiting, nc)
	return true
}

// Leave takes out a connection that is known, or closed.
func (g *Gate) Leave(nc net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, nc); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
}

// Len is how many are waiting.
func (g *Gate) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}

// hostOf is what counts as one host: an IPv4 address, or the network of 64 bits
// that an IPv6 host may choose its addresses from.
func hostOf(nc net.Conn) string {
	addr, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return nc.RemoteAddr().String()
	}
	ip := addr.Addr().Unmap()
	if ip.Is4() {
		return ip.String()
	}
	p, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return ip.String()
	}
	return p.String()
}
