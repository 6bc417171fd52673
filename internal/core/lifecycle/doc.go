// SPDX-License-Identifier: LGPL-3.0-or-later

// Package lifecycle is the state machine by which a broker joins an instance,
// runs and leaves it ("Broker State Machine" of flux-core's guide, whose states
// and events it has). It is pure: [Machine.Step] takes an input and the time,
// and returns what is to be done. It starts no goroutine, reads no clock and
// logs nothing.
package lifecycle
