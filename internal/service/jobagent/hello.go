// SPDX-License-Identifier: LGPL-3.0-or-later

package jobagent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
)

// This file is about a node that has lost its memory. A launch that is made once
// more is told from the first by what the node knows of it, which is gone with
// the node's power. So an agent that finds nothing of an earlier one, not even
// that there was none, has the leader give up what may have begun here, and
// takes no job before.

// introduce tells the leader that nothing is known of earlier agents, until it
// has heard it.
func (a *agent) introduce() {
	if a.known || a.greeting {
		return
	}
	a.greeting = true
	a.h.Request(service.Request{
		Topic: "job-exec.agent-hello", NodeID: 0, Payload: rpc.AgentHello{Rank: a.h.Rank()},
	}, func(m *message.Message) {
		var w rpc.AgentWelcome
		a.greeting = false
		if m.Err() != nil || m.Decode(&w) != nil { // it is not there yet
			a.h.After(askAgain, a.introduce)
			return
		}
		if err := a.node.Remember(a.jobDirs()); err != nil {
			a.h.Log().Error("jobs that are being started when this broker is restarted will be given up", "err", err)
		}
		a.welcome(&w)
	})
}

// welcome lets in the launches that wait, but for those of jobs that were given
// up, and of an earlier leader.
func (a *agent) welcome(w *rpc.AgentWelcome) {
	a.known, a.welcomed = true, *w
	a.term = max(a.term, w.Term)
	waiting := a.parked
	a.parked = nil
	for _, p := range waiting {
		a.launch(p.call, p.req)
	}
}

// checkMemory refuses a launch of a job that the leader has given up since it was
// made: it may have begun here before, of which nothing is known. Shells that have
// begun for sure are looked for all the same, and not found.
func (a *agent) checkMemory(req *rpc.AgentLaunch) error {
	w := a.welcomed
	if req.Again && !req.Reattach && req.Term == w.Term && req.Number <= w.Number {
		return message.Errorf(syscall.ESTALE, "job %s may have begun on this node before", req.ID)
	}
	return nil
}

// memoryFile in the directory of the jobs' directories says that an agent has
// been here, in the present life of the kernel.
func memoryFile(dir, suffix string) string {
	return filepath.Join(dir, "agent."+strings.TrimPrefix(suffix, "-"))
}

// bootID names the kernel's life.
const bootID = "/proc/sys/kernel/random/boot_id"

func (n *system) Remembers(dir, suffix string) bool {
	was, err := os.ReadFile(memoryFile(dir, suffix))
	if err != nil {
		return false
	}
	is, err := os.ReadFile(bootID)
	return err == nil && string(is) == string(was)
}

func (n *system) Remember(dir, suffix string) error {
	id, err := os.ReadFile(bootID)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(memoryFile(dir, suffix), id, 0o600)
	}
	if err != nil {
		return fmt.Errorf("noting that jobs were started here: %w", err)
	}
	return nil
}
