// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"fmt"

	"goflux/flux"
	"goflux/internal/rpc"
)

// keyProgress tells how many keys have been copied: to the terminal, and to
// systemd, which must not take a long copy for a hanging stop.
type keyProgress struct {
	*app
	h              *flux.Client
	verb           string // archived, restored
	counting, list bool
	notify         bool
	keys           int
}

func progressOf(a *app, h *flux.Client, verb string, quiet, verbose, notify bool) *keyProgress {
	return &keyProgress{app: a, h: h, verb: verb, counting: !quiet && !verbose, list: verbose, notify: notify}
}

// done counts a key.
func (p *keyProgress) done(path string) {
	p.keys++
	if p.list {
		fmt.Fprintln(p.err, path)
	}
	if p.keys >= 10 && p.keys%100 != 0 {
		return
	}
	if p.counting {
		fmt.Fprintf(p.err, "\rflux-%s: %s %d keys", p.name, p.verb, p.keys)
	}
	p.tell()
}

// end tells the final count, in words of the caller's.
func (p *keyProgress) end(count string) {
	if p.counting {
		fmt.Fprintf(p.err, "\rflux-%s: %s %s\n", p.name, p.verb, count)
	}
	p.tell()
}

func (p *keyProgress) tell() {
	if p.notify {
		status := fmt.Sprintf("flux-%s(1) has %s %d keys", p.name, p.verb, p.keys)
		_ = p.h.Notify("state-machine.sd-notify", flux.NodeAny, rpc.SDNotify{Status: status}) // progress alone
	}
}
