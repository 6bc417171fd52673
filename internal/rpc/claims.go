// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

import "goflux/jobid"

// AgentShells is job-exec.claims, the shells on a node that the leader has not
// asked for, and its answer, those of them that no running job claims.
type AgentShells struct {
	Shells []AgentShell `json:"shells,omitzero"`
}

// AgentHello is job-exec.agent-hello: the agent of a node begins, and what an
// earlier one did there is not known: the node may have lost its power.
type AgentHello struct {
	Rank uint32 `json:"rank"`
}

// AgentWelcome is its answer: the jobs whose shells may have begun on the node
// before have been given up. Launches up to Number of the leader's term may still
// be for them.
type AgentWelcome struct {
	Term   int64  `json:"term"`
	Number uint64 `json:"number"`
}

// AgentShell names a shell on a node.
type AgentShell struct {
	ID      jobid.ID `json:"id"`
	Attempt int      `json:"attempt"`
}
