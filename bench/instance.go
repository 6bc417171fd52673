// SPDX-License-Identifier: LGPL-3.0-or-later

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"goflux/flux"
	"goflux/internal/rpc"
	"goflux/internal/sign"
	"goflux/internal/testkit/instance"
)

// session is an instance of one broker and a connection to it.
type session struct {
	*instance.Instance
	client *flux.Client
}

// open starts an instance with options of flux start.
func (b *bench) open(ctx context.Context, args ...string) (*session, error) {
	in, err := instance.Start(ctx, instance.Options{Flux: b.flux, Size: 1, Dir: b.dir, Args: args})
	if err != nil {
		return nil, err
	}
	c, err := flux.Open(ctx, in.URI)
	if err != nil {
		return nil, errors.Join(err, in.Stop(ctx))
	}
	return &session{in, c}, nil
}

func (s *session) close(ctx context.Context) error {
	return errors.Join(s.client.Close(), s.Stop(ctx))
}

// with runs do in an instance.
func (b *bench) with(ctx context.Context, args []string, do func(*session) error) error {
	s, err := b.open(ctx, args...)
	if err != nil {
		return err
	}
	return errors.Join(do(s), s.close(ctx))
}

// lasting is the option that gives an instance a statedir of its own that
// lasts: acknowledged is durable.
func (b *bench) lasting() (option, dir string, err error) {
	dir, err = os.MkdirTemp(b.dir, "")
	return "-Sstatedir=" + dir, dir, err
}

// Jobs to submit. A mock job is one that the execution service only pretends to
// run, for so long.
var (
	mockJob = request(`"exec":{"test":{"run_duration":"0.001s"}}`)
	longJob = request(`"exec":{"test":{"run_duration":"3600s"}}`)
	trueJob = request(`"cwd":"/"`)
	// loudJob prints as fast as it is read, more than a hundred megabytes a
	// second.
	loudJob = sign.None(uint32(os.Getuid()), []byte(`{"version":1,`+
		`"resources":[{"type":"slot","count":1,"label":"task","with":[{"type":"core","count":1}]}],`+
		`"tasks":[{"command":["yes","`+strings.Repeat("all work and no play ", 4)+`"],"slot":"task","count":{"per_slot":1}}],`+
		`"attributes":{"system":{"duration":0.0,"cwd":"/","environment":{"PATH":"/usr/bin:/bin"},`+
		`"shell":{"options":{"output":{"limit":"100G"}}}}}}`))
)

// request is a signed request for a job that runs true on a core.
func request(system string) string {
	return sign.None(uint32(os.Getuid()), fmt.Appendf(nil, `{"version":1,`+
		`"resources":[{"type":"slot","count":1,"label":"task","with":[{"type":"core","count":1}]}],`+
		`"tasks":[{"command":["true"],"slot":"task","count":{"per_slot":1}}],`+
		`"attributes":{"system":{"duration":0.0,"environment":{},%s}}}`, system))
}

// Urgencies (RFC 30).
const (
	hold   = 0
	normal = 16
)

// maxInFlight is how many submissions are under way at a time, as a bulk
// submission of the command line has.
const maxInFlight = 1000

// submit submits n jobs, window of them at a time.
func (s *session) submit(ctx context.Context, j string, urgency, n, window int) error {
	var calls []*flux.Call
	take := func() error {
		var id rpc.JobID
		err := calls[0].Get(ctx, &id)
		calls = calls[1:]
		return err
	}
	for range n {
		if len(calls) == window {
			if err := take(); err != nil {
				return err
			}
		}
		call, err := s.client.Go("job-ingest.submit", flux.NodeAny, &rpc.JobSubmit{J: j, Urgency: urgency})
		if err != nil {
			return err
		}
		calls = append(calls, call)
	}
	for len(calls) > 0 {
		if err := take(); err != nil {
			return err
		}
	}
	return nil
}

// runJobs submits n jobs in bulk and waits until none is left.
func (s *session) runJobs(ctx context.Context, j string, n int) error {
	if err := s.submit(ctx, j, normal, n, maxInFlight); err != nil {
		return err
	}
	return s.client.RPC(ctx, "job-manager.drain", flux.NodeAny, nil, nil)
}
