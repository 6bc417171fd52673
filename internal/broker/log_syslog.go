// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
)

// syslogSocket is where the system's logger listens, as syslog(3) has it.
const syslogSocket = "/dev/log"

// facilityUser is syslog's LOG_USER.
const facilityUser = 1 << 3

// syslogWriter returns what sends records to the system's log. It connects when
// there is something to send and never waits: a system without a logger, or
// with a slow one, does not hold up the broker.
func (b *Broker) syslogWriter() func(LogRecord) {
	var mu sync.Mutex
	var conn *net.UnixConn
	jobid, _ := b.attrs.Get("jobid-path")
	prefix := fmt.Sprintf("uid-%d@%s", b.owner, jobid)
	return func(r LogRecord) {
		mu.Lock()
		defer mu.Unlock()
		if conn == nil {
			c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: syslogSocket, Net: "unixgram"})
			if err != nil {
				return
			}
			conn = c
		}
		line := fmt.Appendf(nil, "<%d>flux[%d]: %s %s", facilityUser|int(r.Severity), os.Getpid(), prefix, r.Plain())
		if !sendNow(conn, line) {
			conn.Close()
			conn = nil
		}
	}
}

// sendNow sends a datagram unless that would wait; false when the connection
// is no good.
func sendNow(conn *net.UnixConn, b []byte) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	ok := true
	err = raw.Write(func(fd uintptr) bool {
		err := syscall.Sendto(int(fd), b, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, nil)
		ok = err == nil || err == syscall.EAGAIN
		return true
	})
	return ok && err == nil
}
