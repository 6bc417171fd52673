// SPDX-License-Identifier: LGPL-3.0-or-later

// Package subproc is the engine of a subprocess server (RFC 42): it starts
// processes for clients, sends them their output and fate, and takes their
// input, by credit. The broker's rexec service and each job shell run one.
//
// All methods of [Server] are called on one loop, and what processes do comes
// back to it through [Options].Post. A process that a client streams is killed
// when the client goes away; one in the background lives on, may be attached
// to, and, when it was started waitable, keeps its status and the end of its
// output until it has been waited for.
package subproc
