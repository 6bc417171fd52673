// SPDX-License-Identifier: LGPL-3.0-or-later

// Package overlay is the tree by which the brokers of an instance are
// connected: who is whose parent ([Topology]: kary, mincrit, binomial, custom;
// flux-broker-attributes(7), tbon.topo), and how a broker's children and the
// subtrees below them are doing ([Peers]: full, partial, degraded, torpid,
// lost, offline). It is pure: time comes with each call.
package overlay
