// SPDX-License-Identifier: LGPL-3.0-or-later

package statsd

import (
	"fmt"
	"net"
	"time"
)

// Gauge is a figure as it stands now. Its name has words separated by periods.
type Gauge struct {
	Name  string
	Value int64
}

// Client sends figures under a prefix. It may be used from any goroutine.
type Client struct {
	conn   net.Conn
	prefix string
}

const (
	// maxPacket fits into a frame of Ethernet.
	maxPacket = 1440
	// patience bounds the search for the server's address.
	patience = 2 * time.Second
)

// Open returns a client of the server at HOST:PORT.
func Open(addr, prefix string) (*Client, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("udp", addr, patience)
	if err != nil {
		return nil, err
	}
	return &Client{conn, prefix}, nil
}

// Gauges sends figures, in as few packets as they fit in.
func (c *Client) Gauges(list ...Gauge) {
	var packet []byte
	for _, g := range list {
		line := fmt.Sprintf("%s.%s:%d|g\n", c.prefix, g.Name, g.Value)
		if len(packet)+len(line) > maxPacket {
			c.send(packet)
			packet = nil
		}
		packet = append(packet, line...)
	}
	c.send(packet)
}

// send sends a packet. Nobody may be listening now; that is not our business.
func (c *Client) send(packet []byte) {
	if len(packet) > 0 {
		_, _ = c.conn.Write(packet[:len(packet)-1])
	}
}

// Close ends the client.
func (c *Client) Close() error { return c.conn.Close() }
