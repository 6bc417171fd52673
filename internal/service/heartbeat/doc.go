// SPDX-License-Identifier: LGPL-3.0-or-later

// Package heartbeat is the service that publishes the event heartbeat.pulse on
// the leader, by which the instance's housekeeping keeps time. On the others it
// notices when the pulse stays away, warns, and at last gives the parent up
// (flux-config-heartbeat(5)).
package heartbeat
