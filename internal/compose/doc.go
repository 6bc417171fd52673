// SPDX-License-Identifier: LGPL-3.0-or-later

// Package compose is the list of the services that are built in. It is imported
// by cmd/flux-broker and by tests alone, so that nothing else knows them all.
package compose
