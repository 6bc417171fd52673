// SPDX-License-Identifier: LGPL-3.0-or-later

package soak

import (
	"encoding/json"
	"fmt"
	"strings"

	"goflux/eventlog"
)

// walk is what an event log says of a job, followed by RFC 21's own rules and
// not by the code under test.
type walk struct {
	state                          string
	alloc, start, finish, free     bool
	allocTime, freeTime, startTime float64
	status                         int
	canceled, excepted             bool // by an exception of severity zero: cancel, or another
	note                           string
}

// States of RFC 21.
const (
	stNew      = "NEW"
	stDepend   = "DEPEND"
	stPriority = "PRIORITY"
	stSched    = "SCHED"
	stRun      = "RUN"
	stCleanup  = "CLEANUP"
	stInactive = "INACTIVE"
)

// legalWalk follows an event log. The error is the first step that is not legal.
func legalWalk(text string) (*walk, error) {
	entries, err := eventlog.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	w := &walk{}
	for i, e := range entries {
		if why := w.step(i, e); why != "" {
			return w, fmt.Errorf("event %d, %s in state %s: %s", i+1, e.Name, w.state, why)
		}
	}
	return w, nil
}

// step takes an event and tells what is wrong with it.
func (w *walk) step(i int, e eventlog.Entry) string {
	if (i == 0) != (e.Name == "submit") {
		return "submit is the first event and no other"
	}
	if w.state == stInactive && e.Name != "memo" {
		return "the job is inactive"
	}
	go1 := func(from, to string) string {
		if w.state != from {
			return "not a transition from here"
		}
		w.state = to
		return ""
	}
	switch name := e.Name; {
	case name == "submit":
		w.state = stNew
	case name == "validate":
		return go1(stNew, stDepend)
	case name == "depend":
		return go1(stDepend, stPriority)
	case name == "priority":
		if w.state == stSched { // a new one
			return ""
		}
		return go1(stPriority, stSched)
	case name == "flux-restart":
		return go1(stSched, stPriority)
	case name == "alloc":
		if w.alloc {
			return "resources are allocated already"
		}
		w.alloc, w.allocTime = true, e.Timestamp
		return go1(stSched, stRun)
	case name == "exception":
		return w.exception(e)
	case name == "start", name == "finish", name == "free", name == "clean", name == "release":
		return w.running(e)
	case name == "memo", name == "urgency", name == "set-flags", name == "annotations", name == "resource-update",
		name == "jobspec-update", strings.HasPrefix(name, "dependency-"), strings.HasPrefix(name, "prolog-"),
		strings.HasPrefix(name, "epilog-"), strings.HasPrefix(name, "debug."):
	default:
		return "no event of RFC 21"
	}
	return ""
}

// running takes the events of a job that has resources.
func (w *walk) running(e eventlog.Entry) string {
	switch {
	case e.Name == "clean":
		switch {
		case w.state != stCleanup:
			return "the job is not in CLEANUP"
		case w.alloc && !w.free:
			return "resources are still allocated"
		}
		w.state = stInactive
		return ""
	case !w.alloc:
		return "the job has no resources"
	}
	switch e.Name {
	case "start":
		switch {
		case w.start:
			return "the job has started already"
		case w.state != stRun && w.state != stCleanup:
			return "the job does not run"
		}
		w.start, w.startTime = true, e.Timestamp
	case "finish":
		switch {
		case !w.start:
			return "the job has not started"
		case w.finish:
			return "the job has finished already"
		}
		var ctx struct{ Status int }
		if err := json.Unmarshal(e.Context, &ctx); err != nil {
			return err.Error()
		}
		w.finish, w.status, w.state = true, ctx.Status, stCleanup
	case "free":
		switch {
		case w.free:
			return "resources are free already"
		case w.state != stCleanup:
			return "the job is not in CLEANUP"
		case w.start && !w.finish:
			return "the job still runs"
		}
		w.free, w.freeTime = true, e.Timestamp
	}
	return ""
}

func (w *walk) exception(e eventlog.Entry) string {
	var ctx struct {
		Type     string
		Severity int
		Note     string
	}
	if err := json.Unmarshal(e.Context, &ctx); err != nil {
		return err.Error()
	}
	if ctx.Severity > 0 {
		return ""
	}
	if ctx.Type == "cancel" {
		w.canceled = true
	} else {
		w.excepted, w.note = true, ctx.Type+": "+ctx.Note
	}
	w.state = stCleanup
	return ""
}
