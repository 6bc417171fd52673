// SPDX-License-Identifier: LGPL-3.0-or-later

// Package install knows where the parts of an installation are: each program
// finds its siblings relative to its own path, so that a tree may be moved and
// a build directory works like an installed one.
//
//	PREFIX/bin/flux
//	PREFIX/libexec/flux/cmd/flux-broker, flux-*
//	PREFIX/libexec/flux/flux-shell, flux-imp
//	PREFIX/etc/flux (or /etc/flux when PREFIX is /usr)
package install
