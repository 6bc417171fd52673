// SPDX-License-Identifier: LGPL-3.0-or-later

// Package soak holds a whole instance to the promise that anything may be
// restarted. It runs brokers as an init system would, each a process of its own
// that is started again when it ends, kills and stops them at random, the
// leader as often as others, while clients submit and cancel jobs, drain nodes
// and write KVS keys; and it notes all that clients were told. Tasks note in a
// file beside the instance that they ran.
//
// When the last fault is over and all is quiet, that history is held against
// what the instance knows. What was acknowledged must be there; no job may have
// run twice, ended twice, or ended otherwise than its tasks did or somebody
// wanted; every event log must be a legal walk (RFC 21) that begins with all
// that anybody was ever shown of it; KVS keys and drained nodes must have
// behaved as registers (linearizable).
package soak
