// SPDX-License-Identifier: LGPL-3.0-or-later

package jobinfo

import (
	"syscall"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/internal/message"
	"goflux/jobid"
)

// Job is a job as job-list tells about it (RFC 43). What is nil, zero or empty
// was not asked for or is not there (yet).
type Job struct {
	ID           jobid.ID       `json:"id"`
	UserID       uint32         `json:"userid"`
	Urgency      int64          `json:"urgency"`
	Priority     *int64         `json:"priority"`
	State        int            `json:"state"`
	Result       int            `json:"result"`
	Name         string         `json:"name"`
	CWD          string         `json:"cwd"`
	Queue        string         `json:"queue"`
	Project      string         `json:"project"`
	Bank         string         `json:"bank"`
	NTasks       *int64         `json:"ntasks"`
	NCores       *int64         `json:"ncores"`
	NNodes       *int64         `json:"nnodes"`
	Ranks        string         `json:"ranks"`
	Nodelist     string         `json:"nodelist"`
	Duration     float64        `json:"duration"`
	Expiration   float64        `json:"expiration"`
	Success      *bool          `json:"success"`
	WaitStatus   *int           `json:"waitstatus"`
	TSubmit      float64        `json:"t_submit"`
	TDepend      float64        `json:"t_depend"`
	TPriority    float64        `json:"t_priority"`
	TSched       float64        `json:"t_sched"`
	TRun         float64        `json:"t_run"`
	TCleanup     float64        `json:"t_cleanup"`
	TInactive    float64        `json:"t_inactive"`
	Annotations  jsontext.Value `json:"annotations"`
	Dependencies []string       `json:"dependencies"`

	ExceptionOccurred *bool  `json:"exception_occurred"`
	ExceptionSeverity *int   `json:"exception_severity"`
	ExceptionType     string `json:"exception_type"`
	ExceptionNote     string `json:"exception_note"`

	// Now is the time that running jobs are measured by.
	Now time.Time `json:"-"`
	// Instance is what is known about the instance that the job is.
	Instance *Instance `json:"-"`

	annotations map[string]any // decoded
}

// Parse reads a job.
func Parse(data []byte, now time.Time) (*Job, error) {
	j := &Job{Now: now}
	if err := message.Unmarshal(data, j); err != nil {
		return nil, err
	}
	if len(j.Annotations) > 0 {
		if err := message.Unmarshal(j.Annotations, &j.annotations); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// now is the time in seconds since the epoch.
func (j *Job) now() float64 { return float64(j.Now.UnixNano()) / 1e9 }

// StateName is the long and short word for the job's state.
func (j *Job) StateName() (long, short string) { return names(states(), j.State) }

// ResultName is the long and short word for the job's result, empty while it
// has none.
func (j *Job) ResultName() (long, short string) {
	if j.Result == 0 {
		return "", ""
	}
	return names(results(), j.Result)
}

// Active tells whether the job has not ended.
func (j *Job) Active() bool { return j.State&(StatePending|StateRunning) != 0 }

// Status is the state of an active job and the result of an inactive one.
func (j *Job) Status() (long, short string) {
	if j.Active() {
		return j.StateName()
	}
	return j.ResultName()
}

// Runtime is how long the job has run, in seconds.
func (j *Job) Runtime() float64 {
	switch {
	case j.TRun <= 0:
		return 0
	case j.TCleanup > 0:
		return j.TCleanup - j.TRun
	}
	return j.now() - j.TRun
}

// Remaining is how long the job may still run, in seconds; 0 if it is not
// running or not limited.
func (j *Job) Remaining() float64 {
	if j.State != StateRun {
		return 0
	}
	return max(j.Expiration-j.now(), 0)
}

// neverStarted is the return code of a job that was canceled before it ran.
const neverStarted = -128

// ReturnCode is the largest exit status of the job's shells, or the negative
// number of the signal that ended one; ok is false while there is none.
func (j *Job) ReturnCode() (code int, ok bool) {
	if j.WaitStatus == nil {
		switch j.Result {
		case ResultCanceled:
			return neverStarted, true
		case ResultFailed:
			return 1, true
		}
		return 0, false
	}
	ws := syscall.WaitStatus(*j.WaitStatus)
	if ws.Signaled() {
		return -int(ws.Signal()), true
	}
	return ws.ExitStatus(), ws.Exited()
}
