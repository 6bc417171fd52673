// SPDX-License-Identifier: LGPL-3.0-or-later

// Package rexec is the broker's subprocess service (RFC 42): flux exec, flux
// sproc, and whatever the instance runs on its nodes. Only the instance owner
// may use it, and where guests are let in, none from another broker may use
// rank 0's: whoever breaks into a compute node shall not have the leader.
//
// When it is unloaded its processes get SIGTERM and, after a grace period,
// SIGKILL. Message channels and signed requests are refused.
package rexec
