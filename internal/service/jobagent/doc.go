// SPDX-License-Identifier: LGPL-3.0-or-later

// Package jobagent is the node's part of job execution, builtin on every
// broker: it starts job shells, tells how they end, and signals them.
//
// A shell is no pipe child of the broker: it leads a session of its own, gets
// what it needs to know in a file, prints to a file, leaves an exit record, and
// talks to its broker by the local socket. So it outlives the broker, and the
// next broker on the node finds it by what lies in the job's directory below
// the broker's run directory.
//
// A launch names job, attempt and the leader's term; what is older than the
// newest that was seen is refused.
package jobagent
