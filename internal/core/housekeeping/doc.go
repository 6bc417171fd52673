// SPDX-License-Identifier: LGPL-3.0-or-later

// Package housekeeping decides who holds what while a site's housekeeping
// cleans up after jobs (flux-config-job-manager(5), RFC 27).
//
// A job that ends hands its resources to the [Machine]. As the command ends on
// the job's nodes, they are freed: all together, each at once, or after a while
// those that are done. What is held is to be kept where it outlives the
// process, so that no node is given to a job uncleaned: [Keep] comes before the
// [Free] that it records.
//
// The machine reads no clock and starts nothing; the job manager's service
// runs it on its loop.
package housekeeping
