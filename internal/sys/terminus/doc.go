// SPDX-License-Identifier: LGPL-3.0-or-later

// Package terminus serves terminals to clients elsewhere (flux-terminus(1)): a
// [Server] holds sessions, each a process on a pseudo-terminal, to which
// clients attach to see and to type. The job shell runs one for tasks with
// terminals.
//
// All methods are called on one loop; what terminals have to say comes back to
// it through [Options].Post. Only the server's own user may attach.
package terminus
