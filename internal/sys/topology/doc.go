// SPDX-License-Identifier: LGPL-3.0-or-later

// Package topology is what a node is made of: cores with their processors,
// sockets, NUMA nodes and GPUs, as sysfs tells ([Read]) or a file in hwloc's
// XML form ([ParseXML]), restricted to the processors that the process may
// use. Cores and GPUs are numbered from 0 in hwloc's logical order; those
// numbers are the ids of R (RFC 20).
//
// [Machine.XML] writes hwloc's version 2 form for clients that read
// resource.topo-get.
package topology
