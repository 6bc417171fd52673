// SPDX-License-Identifier: LGPL-3.0-or-later

package link

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"goflux/internal/message"
)

// Options are the settings of links (flux-config-tbon(5)). Zero is the system's
// default.
type Options struct {
	// UserTimeout is how long sent data may stay unacknowledged (tcp(7),
	// TCP_USER_TIMEOUT).
	UserTimeout time.Duration
	// ConnectTimeout bounds an attempt to connect.
	ConnectTimeout time.Duration
}

// handshakeTimeout bounds the TLS handshake: who connects and says nothing does
// not stay.
const handshakeTimeout = 30 * time.Second

// splitEndpoint parses tcp://HOST:PORT or ipc://PATH.
func splitEndpoint(uri string) (network, addr string, err error) {
	scheme, rest, ok := strings.Cut(uri, "://")
	switch {
	case ok && scheme == "tcp" && rest != "":
		return "tcp", rest, nil
	case ok && scheme == "ipc" && rest != "":
		return "unix", rest, nil
	}
	return "", "", message.Errorf(syscall.EINVAL, "%s is not an endpoint (tcp://HOST:PORT or ipc://PATH)", uri)
}

// Listener accepts links.
type Listener struct {
	ln    net.Listener
	uri   string
	conf  *tls.Config
	opt   Options
	local bool
}

// Listen binds to uri, whose host may be the name of an interface or "*", and
// whose port may be "*". Over TCP, both sides prove their keys with TLS 1.3 and
// admit decides by the peer's; over a unix socket the kernel proves that the
// peer belongs to the same user.
func Listen(uri string, id *Identity, admit func(peer ed25519.PublicKey) bool, opt Options) (*Listener, error) {
	network, addr, err := splitEndpoint(uri)
	if err != nil {
		return nil, err
	}
	if network == "unix" {
		return listenUnix(uri, addr)
	}
	if addr, err = bindAddress(addr); err != nil {
		return nil, fmt.Errorf("binding to %s: %w", uri, err)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("binding to %s: %w", uri, err)
	}
	return &Listener{ln: ln, uri: "tcp://" + ln.Addr().String(), conf: tlsConfig(id, admit), opt: opt}, nil
}

func listenUnix(uri, path string) (*Listener, error) {
	_ = os.Remove(path) // left by a broker that was killed
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("binding to %s: %w", uri, err)
	}
	return &Listener{ln: ln, uri: uri, local: true}, nil
}

// bindAddress turns an interface's name into its address, "*" into any.
func bindAddress(addr string) (string, error) {
	i := strings.LastIndexByte(addr, ':')
	if i < 0 {
		return "", message.Errorf(syscall.EINVAL, "%s has no port", addr)
	}
	host, port := strings.Trim(addr[:i], "[]"), addr[i+1:]
	if port == "*" {
		port = "0"
	}
	if host == "*" {
		return net.JoinHostPort("", port), nil
	}
	if ifc, err := net.InterfaceByName(host); err == nil {
		if host, err = interfaceAddress(ifc); err != nil {
			return "", err
		}
	}
	return net.JoinHostPort(host, port), nil
}

// interfaceAddress prefers an IPv4 address, then one of IPv6 that needs no zone.
func interfaceAddress(ifc *net.Interface) (string, error) {
	addrs, err := ifc.Addrs()
	if err != nil {
		return "", err
	}
	best := ""
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		switch {
		case !ok || n.IP.IsLinkLocalUnicast():
		case n.IP.To4() != nil:
			return n.IP.String(), nil
		case best == "":
			best = n.IP.String()
		}
	}
	if best == "" {
		return "", message.Errorf(syscall.EADDRNOTAVAIL, "interface %s has no address", ifc.Name)
	}
	return best, nil
}

// URI is where peers connect to: the port is a number.
func (l *Listener) URI() string { return l.uri }

// Close stops listening; a unix socket is removed.
func (l *Listener) Close() error { return l.ln.Close() }

// Accept waits for the next connection. It is not yet known who it is: see
// [Listener.Admit].
func (l *Listener) Accept() (net.Conn, error) { return l.ln.Accept() }

// Admit finds out who connected, closing the connection of somebody who is not
// admitted. It may take as long as the peer likes, up to a limit.
func (l *Listener) Admit(nc net.Conn) (net.Conn, error) {
	if l.local {
		return nc, sameUser(nc)
	}
	setTCP(nc, l.opt)
	return handshake(context.Background(), tls.Server(nc, l.conf))
}

// Dial connects to a listener whose key is peer.
func Dial(ctx context.Context, uri string, id *Identity, peer ed25519.PublicKey, opt Options) (net.Conn, error) {
	network, addr, err := splitEndpoint(uri)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: opt.ConnectTimeout}
	nc, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if network == "unix" {
		return nc, sameUser(nc)
	}
	setTCP(nc, opt)
	return handshake(ctx, tls.Client(nc, tlsConfig(id, func(k ed25519.PublicKey) bool { return k.Equal(peer) })))
}

func handshake(ctx context.Context, tc *tls.Conn) (net.Conn, error) {
	_ = tc.SetDeadline(time.Now().Add(handshakeTimeout))
	if err := tc.HandshakeContext(ctx); err != nil {
		tc.Close()
		return nil, fmt.Errorf("TLS handshake with %s: %w", tc.RemoteAddr(), err)
	}
	return tc, tc.SetDeadline(time.Time{})
}

func setTCP(nc net.Conn, opt Options) {
	tc, ok := nc.(*net.TCPConn)
	if !ok || opt.UserTimeout <= 0 {
		return
	}
	raw, err := tc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { // a system without it only notices a lost peer later
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(opt.UserTimeout.Milliseconds()))
	})
}

// sameUser closes a unix connection whose other end is somebody else's.
func sameUser(nc net.Conn) error {
	uid, err := PeerUID(nc)
	if err == nil && int(uid) != os.Geteuid() {
		err = message.Errorf(syscall.EPERM, "the peer belongs to user %d", uid)
	}
	if err != nil {
		nc.Close()
	}
	return err
}

// PeerUID asks the kernel who is at the other end of a unix connection.
func PeerUID(nc net.Conn) (uint32, error) {
	uc, ok := nc.(*net.UnixConn)
	if !ok {
		return 0, message.Errorf(syscall.ENOTSUP, "%T is not a unix socket", nc)
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var cerr error
	err = raw.Control(func(fd uintptr) {
		cred, cerr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, cerr); err != nil {
		return 0, err
	}
	return cred.Uid, nil
}
