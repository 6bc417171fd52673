// SPDX-License-Identifier: LGPL-3.0-or-later

package flux

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"goflux/internal/message"
)

// SystemURI is where the system instance listens, tried when FLUX_URI is unset.
const SystemURI = "local:///run/flux/local"

// Dial opens the byte stream that [Open] speaks over, for programs that pass
// messages on: the broker has admitted the caller.
func Dial(ctx context.Context, uri string) (net.Conn, error) { return connect(ctx, uri) }

// connect opens the byte stream that uri names and takes the broker's welcome.
func connect(ctx context.Context, uri string) (net.Conn, error) {
	if uri == "" {
		if uri = os.Getenv("FLUX_URI"); uri == "" {
			uri = SystemURI
		}
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return nil, message.Errorf(syscall.EINVAL, "%s: not a URI (local://PATH is meant?)", uri)
	}
	switch scheme {
	case "local":
		return connectLocal(ctx, rest)
	case "ssh":
		return connectSSH(ctx, uri)
	case "fd":
		return connectFD(ctx, rest)
	}
	return nil, message.Errorf(syscall.ENOENT, "%s: there is no %s connector", uri, scheme)
}

// localRetry is how long a local socket that refuses is tried again: a busy
// broker's listen queue may be full for a moment.
const localRetry = 16 * time.Millisecond

func connectLocal(ctx context.Context, path string) (net.Conn, error) {
	path, _, _ = strings.Cut(path, "?")
	var d net.Dialer
	var nc net.Conn
	var err error
	for wait := time.Millisecond; ; wait *= 2 {
		if nc, err = d.DialContext(ctx, "unix", path); err == nil {
			break
		}
		if wait > localRetry || message.Errno(err) != syscall.EAGAIN {
			return nil, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := welcome(ctx, nc); err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}

// welcome reads the byte that admits a client (0) or says why not (an errno).
func welcome(ctx context.Context, nc net.Conn) error {
	if dl, ok := ctx.Deadline(); ok {
		_ = nc.SetReadDeadline(dl)
		defer func() { _ = nc.SetReadDeadline(time.Time{}) }()
	}
	var b [1]byte
	if _, err := nc.Read(b[:]); err != nil {
		return message.Errorf(syscall.ECONNRESET, "the broker closed the connection")
	}
	if b[0] != 0 {
		return syscall.Errno(b[0])
	}
	return nil
}

func connectFD(ctx context.Context, num string) (net.Conn, error) {
	fd, err := strconv.Atoi(num)
	if err != nil {
		return nil, message.Errorf(syscall.EINVAL, "fd://%s: not a file descriptor", num)
	}
	f := os.NewFile(uintptr(fd), "fd")
	defer f.Close()
	nc, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	if err := welcome(ctx, nc); err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nil
}

// credFromEnv lets the owner send as somebody else, for tests.
func credFromEnv() message.Cred {
	c := message.Unknown
	if n, err := strconv.ParseUint(os.Getenv("FLUX_HANDLE_USERID"), 0, 32); err == nil {
		c.UserID = uint32(n)
	}
	if n, err := strconv.ParseUint(os.Getenv("FLUX_HANDLE_ROLEMASK"), 0, 32); err == nil {
		c.Rolemask = message.Role(n)
	}
	return c
}
