// SPDX-License-Identifier: LGPL-3.0-or-later

package shell

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"goflux/flux"
	"goflux/internal/message"
	"goflux/internal/rpc"
	"goflux/jobid"
	"goflux/jobspec"
	"goflux/rset"
)

// job is what the shell knows of its job.
type job struct {
	rpc.ShellInfo
	dir     string // where the exit record goes; "" for nowhere
	r       *rset.R
	jobspec *jobspec.Jobspec
	opts    options
	command []string
	env     map[string]string // of the tasks; plugins change it
}

// loadJob reads the file at path, or asks job-info where path is "".
func loadJob(ctx context.Context, c *flux.Client, path string, id jobid.ID) (*job, error) {
	j := &job{}
	var err error
	if path != "" {
		err = j.readFile(path)
	} else {
		err = j.lookup(ctx, c, id)
	}
	if err != nil {
		return nil, err
	}
	if j.ID != id {
		return nil, fmt.Errorf("%s is about job %s", path, j.ID.F58())
	}
	return j, j.parse()
}

func (j *job) readFile(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := message.Unmarshal(b, &j.ShellInfo); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	j.dir = filepath.Dir(path)
	return nil
}

func (j *job) lookup(ctx context.Context, c *flux.Client, id jobid.ID) error {
	var got struct {
		R       string `json:"R"`
		Jobspec string `json:"jobspec"`
	}
	req := rpc.JobInfoLookup{ID: id, Keys: []string{"R", "jobspec"}}
	if err := c.RPC(ctx, "job-info.lookup", flux.NodeAny, req, &got); err != nil {
		return fmt.Errorf("job-info: %s", flux.ErrorText(err))
	}
	rank, err := c.Rank(ctx)
	if err != nil {
		return err
	}
	j.ShellInfo = rpc.ShellInfo{
		ID: id, UserID: uint32(os.Getuid()), BrokerRank: rank,
		R: jsontext.Value(got.R), Jobspec: jsontext.Value(got.Jobspec),
	}
	return nil
}

func (j *job) parse() error {
	var err error
	if j.r, err = rset.Parse(j.R); err != nil {
		return fmt.Errorf("error decoding R: %w", err)
	}
	if j.jobspec, err = jobspec.Parse(j.Jobspec); err != nil {
		return fmt.Errorf("error parsing jobspec: %w", err)
	}
	if j.opts, err = newOptions(j.jobspec.ShellOptions()); err != nil {
		return err
	}
	j.command = j.jobspec.Command()
	env, err := j.jobspec.Environment()
	if err != nil {
		return fmt.Errorf("error parsing jobspec: %w", err)
	}
	j.env = make(map[string]string, len(env)+16)
	for k, v := range env {
		if v != nil {
			j.env[k] = *v
		}
	}
	return nil
}

// attr returns a broker attribute, "" when there is none.
func (s *Shell) attr(name string) string {
	if s.job.Attrs != nil { // all there are of those that a shell asks for
		return s.job.Attrs[name]
	}
	v, _ := s.link.attr(name)
	return v
}

// owner is the instance owner's user id.
func (s *Shell) owner() int {
	n, err := strconv.Atoi(s.attr("security.owner"))
	if err != nil {
		return -1
	}
	return n
}
