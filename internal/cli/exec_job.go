// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"os"
	"strconv"
	"syscall"

	"goflux/eventlog"
	"goflux/flux"
	"goflux/idset"
	"goflux/jobid"
)

// jobStateRun is the state RUN of RFC 21 on the wire.
const jobStateRun = 16

// jobShells are the ranks of a running job and the service of its shells that
// runs commands.
func (a *app) jobShells(h *flux.Client, text string) (*idset.Set, string, error) {
	id, err := jobid.Parse(text)
	if err != nil {
		return nil, "", fail("error parsing jobid: \"%s\"", text)
	}
	var resp struct {
		Job struct {
			State int    `json:"state"`
			Ranks string `json:"ranks"`
		} `json:"job"`
	}
	req := map[string]any{"id": id, "attrs": []string{"ranks", "state"}}
	switch err := h.RPC(a.ctx, "job-list.list-id", flux.NodeAny, req, &resp); {
	case errors.Is(err, syscall.ENOENT):
		return nil, "", fail("job %s not found", text)
	case err != nil:
		return nil, "", fail("unable to get info for job %s: %v", text, err)
	}
	if resp.Job.State != jobStateRun {
		return nil, "", fail("job %s is not currently running", text)
	}
	ranks, err := idset.Parse(resp.Job.Ranks)
	if err != nil || ranks.Empty() {
		return nil, "", fail("failed to get assigned ranks for %s", text)
	}
	if err := a.checkOwner(h, text); err != nil {
		return nil, "", err
	}
	service, err := a.shellService(h, id, text)
	return ranks, service, err
}

// checkOwner refuses an instance of somebody else: its shells demand signed
// requests (RFC 42).
func (a *app) checkOwner(h *flux.Client, text string) error {
	owner, err := h.Attr(a.ctx, "security.owner")
	if err != nil {
		return fail("security.owner: %v", err)
	}
	if owner != strconv.Itoa(os.Getuid()) {
		return fail("job %s: its shells accept only signed requests, which is not supported", text)
	}
	return nil
}

// eventWatchWaitCreate makes a watch of a job's event log wait until it exists.
const eventWatchWaitCreate = 1

// shellService waits for the job's shells to say under which name they offer
// services.
func (a *app) shellService(h *flux.Client, id jobid.ID, text string) (string, error) {
	req := map[string]any{"id": id, "path": "guest.exec.eventlog", "flags": eventWatchWaitCreate}
	call, err := h.Stream("job-info.eventlog-watch", flux.NodeAny, req)
	for err == nil {
		var resp struct {
			Event string `json:"event"`
		}
		if err = call.Get(a.ctx, &resp); err != nil {
			break
		}
		e, parseErr := eventlog.ParseEntry([]byte(resp.Event))
		if parseErr != nil {
			return "", fail("failed to decode exec eventlog event: %v", parseErr)
		}
		if e.Name != "shell.init" {
			continue
		}
		var init struct {
			Service string `json:"service"`
		}
		if err := e.UnmarshalContext(&init); err != nil || init.Service == "" {
			return "", fail("failed to get service from shell.init event")
		}
		return init.Service + ".rexec", nil
	}
	return "", fail("failed to get shell.init event for %s: %v", text, err)
}
