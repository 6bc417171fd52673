// SPDX-License-Identifier: LGPL-3.0-or-later

// Package groups is the built-in service that keeps named groups of brokers:
// broker.online by which a quorum is found, broker.torpid, and any that modules
// and users join. Each broker knows the members below it; changes of a moment
// go up the tree together, reduced, and the leader knows all. A broker that is
// lost or leaves is taken out of its groups, with all below it, by its parent.
package groups
