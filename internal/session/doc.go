// SPDX-License-Identifier: LGPL-3.0-or-later

// Package session runs the brokers of an instance as child processes on one
// host: what "flux start --test-size" does (flux-start(1)). It offers them PMI-1
// (RFC 13) to boot by, waits for their end, and lets tests ask for a broker to
// be killed, waited for or started again (start.status, start.kill, start.wait,
// start.run at FLUX_START_URI).
package session
