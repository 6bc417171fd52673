// SPDX-License-Identifier: LGPL-3.0-or-later

// Package proxy lets many clients share one connection to a broker
// (flux-proxy(1)): it listens on a local socket as a broker does, and passes
// requests and answers on. Each client keeps its identity by a hop of its own on
// the route stack (RFC 3), so that services tell clients apart and hear of those
// that go away. Events and services are the proxy's own at the broker, and its
// clients' here.
//
// A [Proxy] may be told to connect anew when the broker goes away: then what was
// under way fails with ECONNRESET, and subscriptions and services are made again.
package proxy
