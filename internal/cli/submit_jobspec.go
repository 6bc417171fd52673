// SPDX-License-Identifier: LGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"goflux/flux"
	"goflux/internal/cli/jobargs"
	"goflux/internal/rpc"
	"goflux/internal/sign"
	"goflux/internal/sys/process"
	"goflux/internal/sys/startlimit"
	"goflux/jobspec"
)

// jobSystem is this process, for jobspecs.
func (a *app) jobSystem() *jobargs.System {
	return &jobargs.System{
		Environ:  environMap(),
		Limit:    softLimit,
		Getwd:    os.Getwd,
		ReadFile: os.ReadFile,
		Stat:     os.Stat,
		Warn:     func(line string) { fmt.Fprintln(a.err, line) },
	}
}

func environMap() map[string]string {
	all := os.Environ()
	m := make(map[string]string, len(all))
	for _, entry := range all {
		if name, value, ok := strings.Cut(entry, "="); ok {
			m[name] = value
		}
	}
	return m
}

// softLimit is a soft limit of this process.
func softLimit(name string) (int64, bool) {
	resource, ok := process.LimitNumber(name)
	if !ok {
		return 0, false
	}
	if resource == syscall.RLIMIT_NOFILE {
		if n, ok := startlimit.OpenFiles(); ok {
			return n, true
		}
	}
	var l syscall.Rlimit
	if syscall.Getrlimit(resource, &l) != nil {
		return 0, false
	}
	if l.Cur == ^uint64(0) {
		return startlimit.Unlimited, true
	}
	return int64(l.Cur), true
}

// Submission flags of job-ingest.submit.
const (
	flagDebug      = 2
	flagWaitable   = 4
	flagNoValidate = 8
)

// submitFlags reads the values of --flags.
func submitFlags(lists []string) (int, error) {
	flags := 0
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			switch name {
			case "debug":
				flags |= flagDebug
			case "waitable":
				flags |= flagWaitable
			case "novalidate":
				flags |= flagNoValidate
			default:
				return 0, fail("--flags: Unknown flag %s", name)
			}
		}
	}
	return flags, nil
}

// Urgencies with names.
const (
	urgencyHold     = 0
	urgencyDefault  = 16
	urgencyExpedite = 31
)

// parseUrgency reads an urgency: a number or a name.
func parseUrgency(s string) (int, bool) {
	switch strings.ToLower(s) {
	case "hold":
		return urgencyHold, true
	case "default":
		return urgencyDefault, true
	case "expedite":
		return urgencyExpedite, true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// request is the submission of a job.
func (s *submission) request(j *jobspec.Jobspec) (*rpc.JobSubmit, error) {
	flags, err := submitFlags(s.Flags)
	if err != nil {
		return nil, err
	}
	urgency, ok := parseUrgency(s.Urgency)
	if !ok {
		return nil, fail("--urgency: invalid value '%s'", s.Urgency)
	}
	payload, err := j.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return &rpc.JobSubmit{J: sign.None(uint32(os.Getuid()), payload), Urgency: urgency, Flags: flags}, nil
}

// sendJob submits a job; the answer is an rpc.JobID.
func sendJob(h *flux.Client, req *rpc.JobSubmit) (*flux.Call, error) {
	return h.Go("job-ingest.submit", flux.NodeAny, req)
}

// badSubmission is the error for a submission that cannot be made.
func badSubmission(err error) error { return fail("%s", fileText(err)) }

// fileText is an error with the file it is about, if it is about one, as
// strict commands word that.
func fileText(err error) string {
	var p *os.PathError
	if !errors.As(err, &p) {
		var e *flux.Error
		if errors.As(err, &e) {
			return errorText(err)
		}
		return err.Error()
	}
	return strings.Replace(err.Error(), p.Error(), fmt.Sprintf("%s: '%s'", flux.ErrorText(p.Err), p.Path), 1)
}
