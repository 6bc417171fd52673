// SPDX-License-Identifier: LGPL-3.0-or-later

package jobinfo

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"goflux/fsd"
	"goflux/internal/message"
)

// Info is what matters most about a job in its state.
func (j *Job) Info() string {
	switch j.State {
	case StatePriority:
		return "priority-wait"
	case StateDepend:
		return "depends:" + j.dependencies()
	case StateSched:
		return j.pendingInfo()
	}
	return j.Nodelist
}

// pendingInfo is when the job will start, or why it does not.
func (j *Job) pendingInfo() string {
	if t, ok := number(j.annotation("sched", "t_estimate")); ok {
		if eta := t - j.now(); eta >= 0 {
			return "eta:" + fsd.FormatShort(eta)
		}
		return "eta:now"
	}
	switch {
	case j.Urgency == 0:
		return "held"
	case j.Priority != nil && *j.Priority == 0:
		return "priority-hold"
	}
	return ""
}

// Time is the time limit of a pending job and the run time of others.
func (j *Job) Time() float64 {
	if j.State&StatePending != 0 {
		return j.Duration
	}
	return j.Runtime()
}

// dependencies are those that are not satisfied, with times readable.
func (j *Job) dependencies() string {
	list := make([]string, len(j.Dependencies))
	for i, d := range j.Dependencies {
		list[i] = j.dependency(d)
	}
	return strings.Join(list, ",")
}

func (j *Job) dependency(d string) string {
	text, ok := strings.CutPrefix(d, "begin-time=")
	seconds, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil {
		return d
	}
	t := time.Unix(0, int64(seconds*1e9)).In(j.Now.Location())
	layout := "15:04"
	if y, m, day := t.Date(); y != j.Now.Year() || m != j.Now.Month() || day != j.Now.Day() {
		layout = "Jan02-15:04"
	}
	if t.Second() > 0 {
		layout += ":05"
	}
	return "begin@" + t.Format(layout)
}

// InactiveReason is why an inactive job is that.
func (j *Job) InactiveReason() string {
	if j.State != StateInactive {
		return ""
	}
	code, ok := j.ReturnCode()
	exit := "Exit "
	if ok {
		exit += strconv.Itoa(code)
	}
	switch j.Result {
	case ResultCanceled:
		if j.ExceptionType == "cancel" && j.ExceptionNote != "" {
			return "Canceled: " + j.ExceptionNote
		}
		return "Canceled"
	case ResultTimeout:
		return "Timeout"
	case ResultFailed:
		return j.failure(code, exit)
	}
	return exit
}

// failure is why a job failed. That the shells could not start a program tells
// its exit status.
func (j *Job) failure(code int, exit string) string {
	if j.ExceptionOccurred != nil && *j.ExceptionOccurred && j.ExceptionType != "exec" &&
		j.ExceptionSeverity != nil && *j.ExceptionSeverity == 0 {
		text := "Exception: type=" + j.ExceptionType
		if j.ExceptionNote != "" {
			text += " note=" + j.ExceptionNote
		}
		return text
	}
	switch {
	case code > 128:
		return message.SignalText(syscall.Signal(code - 128))
	case code == 126:
		return "Command invoked cannot execute"
	case code == 127:
		return "command not found"
	case code == 128:
		return "Invalid argument to exit"
	}
	return exit
}

// annotation is a value in the annotations, nil if it is not there.
func (j *Job) annotation(path ...string) any {
	var v any = j.annotations
	for _, key := range path {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[key]
	}
	return v
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	}
	return 0, false
}

// URI is where the instance that the job is can be reached, "" if it is none.
func (j *Job) URI() string {
	uri, _ := j.annotation("user", "uri").(string)
	if uri == "" || !strings.Contains(uri, ":") {
		return ""
	}
	return uri
}

// LocalURI makes a URI one of this host: ssh://HOST/PATH is local:///PATH.
func LocalURI(uri string) string {
	rest, ok := strings.CutPrefix(uri, "ssh://")
	if !ok {
		return uri
	}
	_, path, _ := strings.Cut(rest, "/")
	path, _, _ = strings.Cut(path, "?")
	return fmt.Sprintf("local:///%s", strings.TrimLeft(path, "/"))
}
