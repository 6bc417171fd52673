// SPDX-License-Identifier: LGPL-3.0-or-later

package store

// Keys of [Store.Meta] that more than one service knows.
const (
	// MetaMaxJobID is the largest job id given out, in decimal.
	MetaMaxJobID = "job-manager.max-jobid"
	// MetaQueues is the queues' states, a JSON array of rpc.JobQueueState.
	MetaQueues = "job-manager.queues"
	// MetaCheckpoint is both of another instance, a rpc.JobCheckpoint that
	// flux restore brought and the job manager has not taken over yet.
	MetaCheckpoint = "job-manager.checkpoint"
)
