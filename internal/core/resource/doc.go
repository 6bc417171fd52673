// SPDX-License-Identifier: LGPL-3.0-or-later

// Package resource is the state of an instance's resources as a pure machine:
// which nodes there are, which are online, torpid, drained (and why) and
// excluded. It reads no clock, touches no disk and sends nothing.
//
// The [Machine] changes by its methods, each given the time it happens at. What
// changed comes out as [Event]s (RFC 44): the durable ones are to be on disk
// before anybody is told, the others follow in order. Its drain state is what
// the log says: [Machine.Replay] rebuilds it, from a [Checkpoint] on.
//
// An [Acquisition] is what the scheduler has been told (RFC 28), from which
// [Acquisition.Update] works out the next change to tell it. A [Journal] is the
// bounded history that resource.journal serves.
//
// The resource service on rank 0 runs it on its loop.
package resource
