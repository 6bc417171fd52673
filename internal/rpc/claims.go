// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

import "goflux/jobid"

// AgentShells is job-exec.claims, the shells on a node that the leader has not
// asked for, and its answer, those of them that no running job claims.
type AgentShells struct {
	Shells []AgentShell `json:"shells,omitzero"`
}

// AgentShell names a shell on a node.
type AgentShell struct {
	ID      jobid.ID `json:"id"`
	Attempt int      `json:"attempt"`
}
