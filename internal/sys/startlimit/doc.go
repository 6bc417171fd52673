// SPDX-License-Identifier: LGPL-3.0-or-later

// Package startlimit knows the soft limit on open files that this process was
// started with.
//
// Package syscall raises that limit when a program starts and lowers it again
// only for children it starts itself, so a program that hands its limits on by
// another way (the rlimit option of a jobspec) would hand on the raised one.
// Packages are initialized after those they import: this one imports nothing
// and so reads the limit before syscall does, with a system call of its own.
// A test holds it to that.
package startlimit
