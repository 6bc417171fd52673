// SPDX-License-Identifier: LGPL-3.0-or-later

// Package startlog keeps the times at which an instance was started and stopped
// (flux-startlog(1)): an event log in the KVS key admin.eventlog.
package startlog
