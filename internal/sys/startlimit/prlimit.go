// SPDX-License-Identifier: LGPL-3.0-or-later

//go:build linux && (amd64 || arm64)

package startlimit

// prlimit is prlimit64(0, resource, nil, old); it returns 0 or -errno.
//
//go:noescape
func prlimit(resource int, old *[2]uint64) int
