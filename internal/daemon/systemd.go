// SPDX-License-Identifier: LGPL-3.0-or-later

package daemon

import (
	"fmt"
	"net"
	"os"
	"time"

	"goflux/internal/broker"
	"goflux/internal/core/lifecycle"
)

// systemd tells systemd how the broker is doing (sd_notify(3)), where the
// attribute broker.sd-notify asks for it.
type systemd struct {
	socket      string // "" when it is off
	stopTimeout time.Duration
	stopping    bool
}

func newSystemd(attrs *broker.Attrs) (systemd, error) {
	var s systemd
	if v, ok := attrs.Get("broker.sd-notify"); ok && v != "0" {
		s.socket = os.Getenv("NOTIFY_SOCKET")
	}
	text, _ := attrs.Get("broker.sd-stop-timeout")
	d, err := parseTimeout(text)
	s.stopTimeout = d
	return s, err
}

// notify sends one message; that systemd does not get is its loss.
func (s *systemd) notify(text string) {
	if s.socket == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(text))
}

// status shows a line in systemctl status. Progress extends the time to stop.
func (s *systemd) status(text string) {
	s.extend()
	if text != "" {
		s.notify("STATUS=" + text)
	}
}

func (s *systemd) extend() {
	if s.stopping && s.stopTimeout > 0 {
		s.notify(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", s.stopTimeout.Microseconds()))
	}
}

// entered tells of a new state.
func (s *systemd) entered(state lifecycle.State, d *daemon) {
	if s.socket == "" {
		return
	}
	switch state {
	case lifecycle.Join:
		if uri, ok := d.attrs.Get("tbon.parent-endpoint"); ok {
			s.notify("STATUS=Joining Flux instance via " + uri)
		}
		s.notify("READY=1")
	case lifecycle.ConfigSync:
		s.notify("STATUS=Fetching configuration update from parent")
	case lifecycle.Quorum:
		s.notify("STATUS=Waiting for instance quorum")
	case lifecycle.Run:
		role := "member"
		if d.boot.Rank == 0 {
			role = "leader"
		}
		s.notify(fmt.Sprintf("STATUS=Running as %s of %d node Flux instance", role, d.boot.Size))
	case lifecycle.Shutdown:
		s.notify("STATUS=Waiting for overlay peers to shutdown")
	}
	if state >= lifecycle.Cleanup {
		s.extend()
		s.stopping = true
	}
}
