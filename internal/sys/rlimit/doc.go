// SPDX-License-Identifier: LGPL-3.0-or-later

// Package rlimit knows the resource limits of getrlimit(2) by the names that
// jobspecs use for them: "nofile", "core".
package rlimit
