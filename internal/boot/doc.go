// SPDX-License-Identifier: LGPL-3.0-or-later

// Package boot finds out which broker of which instance this process is, and
// how to reach its peers: from the [bootstrap] table (flux-config-bootstrap(5)),
// from a process manager by PMI-1 (RFC 13), or as an instance of one.
//
// [Start] finds rank and size, which need no network; [Boot.Wire], which may
// wait for the other brokers, exchanges business cards and opens the endpoints
// that children connect to; [Boot.Finish] says goodbye to the process manager.
package boot
