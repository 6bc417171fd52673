// SPDX-License-Identifier: LGPL-3.0-or-later

// Package terminal connects this terminal to one elsewhere: to a job's, as flux
// job attach does, or to a session of flux terminus.
//
// What is typed goes there and what is shown there comes here until the other
// end says that it is over, the user leaves with Ctrl-\, or one end does not
// reach the other any more. The messages are [goflux/internal/rpc.TerminalMessage].
package terminal
