// SPDX-License-Identifier: LGPL-3.0-or-later

package jobexec

import (
	"fmt"
	"syscall"
	"time"

	"goflux/fsd"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/internal/service"
	"goflux/jobspec"
)

// mock is attributes.system.exec.test of a jobspec: what a mock job does.
type mock struct {
	duration  time.Duration // 0: until it is ended
	override  bool          // job-exec.override says what happens
	status    int
	exception string // init, run: raised then
	reattach  bool   // taken for finished when it is found again
	timer     service.Timer
}

// mockOf reads a jobspec's mock; nil when the job is a real one.
func mockOf(spec *jobspec.Jobspec) (*mock, error) {
	raw := spec.Attr("system.exec.test")
	if raw == nil {
		return nil, nil
	}
	var t struct {
		RunDuration    string `json:"run_duration"`
		Override       int    `json:"override"`
		WaitStatus     int    `json:"wait_status"`
		MockException  string `json:"mock_exception"`
		ReattachFinish int    `json:"reattach_finish"`
	}
	if err := message.Unmarshal(raw, &t); err != nil {
		return nil, err
	}
	m := &mock{
		duration: time.Duration(spec.Duration() * float64(time.Second)), override: t.Override != 0,
		status: t.WaitStatus, exception: t.MockException, reattach: t.ReattachFinish != 0,
	}
	if t.RunDuration != "" {
		d, err := fsd.Parse(t.RunDuration)
		if err != nil {
			return nil, fmt.Errorf("run_duration: %w", err)
		}
		m.duration = d
	}
	return m, nil
}

func (e *exec) startMock(j *job, req *rpc.ExecStart) {
	if j.mock.exception == "init" {
		e.fatalError(j, "mock initialization exception generated")
		e.finish(j)
		return
	}
	e.makeNamespace(j, req.Guest)
	if j.find && !req.Reattach { // nothing of it has outlived the earlier service
		e.finish(j)
		return
	}
	if req.Reattach {
		e.log(j, "reattach", nil)
		j.started = true
		e.respond(j, "reattached", rpc.ExecData{})
		if j.mock.reattach {
			e.finish(j)
			return
		}
		e.runMock(j)
		return
	}
	e.log(j, "init", nil, "starting", nil)
	if !j.mock.override {
		e.mockStarted(j)
	}
}

func (e *exec) mockStarted(j *job) {
	j.started = true
	e.respond(j, "start", rpc.ExecData{})
	e.log(j, "recoverable", nil)
	e.armExpiration(j, j.r.Expiration)
	if j.mock.exception == "run" {
		e.fatalError(j, "mock run exception generated") // the exception ends it
		return
	}
	e.runMock(j)
}

func (e *exec) runMock(j *job) {
	if j.mock.duration <= 0 {
		return
	}
	j.mock.timer = e.h.After(j.mock.duration, func() {
		j.status = j.mock.status
		e.finish(j)
	})
}

// endMock ends a mock job by a signal.
func (e *exec) endMock(j *job, signum int) {
	if j.mock.timer != nil {
		j.mock.timer.Stop()
	}
	j.status = signum
	e.finish(j)
}

func (e *exec) override(c *service.Call, req *rpc.ExecOverride) (any, error) {
	j := e.jobs[req.JobID]
	if j == nil {
		return nil, message.Errorf(syscall.ENOENT, "Job not found")
	}
	if err := c.Cred().Authorize(j.userid); err != nil {
		return nil, err
	}
	if j.mock == nil || !j.mock.override {
		return nil, message.Errorf(syscall.EINVAL, "Job not in exec override mode")
	}
	switch req.Event {
	case "start":
		if j.started {
			return nil, message.Errorf(syscall.EINVAL, "Job already running")
		}
		e.mockStarted(j)
	case "finish":
		if !j.started {
			return nil, message.Errorf(syscall.EINVAL, "Job not running")
		}
		j.status = req.Status
		e.finish(j)
	default:
		return nil, message.Errorf(syscall.EPROTO, "Invalid event")
	}
	return nil, nil
}
