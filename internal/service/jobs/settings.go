// SPDX-License-Identifier: LGPL-3.0-or-later

package jobs

import (
	"math"
	"syscall"
	"time"

	"goflux/fsd"
	"goflux/internal/config"
	"goflux/internal/core/ingest"
	"goflux/internal/core/policy"
	"goflux/internal/message"
)

// settings are what the configuration says to the job manager. They are read
// as a whole and replaced as a whole: a configuration that is refused changes
// nothing. What it says to job-ingest is the pipeline.
type settings struct {
	policy *policy.Policy
	// private: guests see their own jobs alone (flux-config-access(5)).
	private bool
	// ageLimit and numLimit bound the records kept of jobs that have ended; -1
	// is no limit.
	ageLimit time.Duration
	numLimit int
	// stopOnRestart stops all queues when jobs are found at a start.
	stopOnRestart bool
	plugins       []directive
	housekeeping  *housekeepingConfig // nil for none
}

func newSettings(conf map[string]any) (*settings, error) {
	set := &settings{ageLimit: -1, numLimit: -1}
	var err error
	if set.policy, err = policy.Parse(conf); err != nil {
		return nil, err
	}
	access := config.Read(conf, "access")
	set.private, _ = access.Bool("private-mode")
	if err := access.Err(false); err != nil {
		return nil, err
	}
	if set.housekeeping, err = newHousekeepingConfig(conf); err != nil {
		return nil, err
	}
	return set, set.manager(config.Read(conf, "job-manager"))
}

// manager reads [job-manager] (flux-config-job-manager(5)).
func (set *settings) manager(c *config.Section) error {
	if text, ok := c.String("inactive-age-limit"); ok {
		n, err := fsd.ParseSeconds(text)
		if err != nil {
			c.Fail("inactive-age-limit", "invalid FSD: %v", err)
		}
		if !math.IsInf(n, 1) {
			set.ageLimit = time.Duration(n * float64(time.Second))
		}
	}
	if n, ok := c.Int("inactive-num-limit"); ok {
		if set.numLimit = int(n); n < 0 {
			c.Fail("inactive-num-limit", "must be >= 0")
		}
	}
	set.stopOnRestart, _ = c.Bool("stop-queues-on-restart")
	if v, ok := c.Any("plugins"); ok {
		list, ok := v.([]any)
		if !ok {
			return message.Errorf(syscall.EINVAL, "[job-manager.plugins] config must be an array")
		}
		for _, v := range list {
			table, _ := v.(map[string]any)
			d, err := newDirective(config.Read(map[string]any{"job-manager.plugins": table}, "job-manager.plugins"))
			if err != nil {
				return err
			}
			set.plugins = append(set.plugins, d)
		}
	}
	return c.Err(false)
}

// ReconfigureAs implements service.GroupConfigurable.
func (s *jobs) ReconfigureAs(name string) error {
	switch name {
	case "job-manager":
		set, err := newSettings(s.h.Config())
		if err != nil {
			return err
		}
		if err := s.configurePerilog(); err != nil {
			return err
		}
		s.apply(set)
	case "job-list":
		n, err := listComparisons(s.h.Config())
		if err != nil {
			return err
		}
		s.maxComparisons = n
	case "job-ingest":
		// a new configuration counts more than what the module was loaded with
		err := s.pipe(ingest.Args{})
		if err != nil {
			s.h.Log().Error("job-ingest: configuration refused", "err", err)
		}
		return err
	}
	return nil
}

// defaultComparisons is how many comparisons one listing may cost unless the
// configuration says otherwise: a few seconds' work.
const defaultComparisons = 10_000_000

// listComparisons reads job-list.max_comparisons; 0 is any number.
func listComparisons(conf map[string]any) (int, error) {
	c := config.Read(conf, "job-list")
	n, ok := c.Int("max_comparisons")
	if !ok {
		n = defaultComparisons
	}
	if n < 0 {
		c.Fail("max_comparisons", "must be >= 0")
	}
	return int(n), c.Err(false)
}

// apply puts settings into force.
func (s *jobs) apply(set *settings) {
	s.set = set
	s.configureHousekeeping()
	s.setSite()
	s.m.Queues().Configure(set.policy.Queues(), set.policy.Parent)
	s.m.QueuesChanged(s.now())
	s.ageOut()
}

// pipe makes the pipeline that the configuration and the module's arguments
// describe.
func (s *jobs) pipe(args ingest.Args) error {
	p, err := ingest.New(s.h.Config(), policy.Fills(s.h.Config()), args)
	if err != nil {
		return err
	}
	s.pipeline = p
	for _, line := range p.Report() {
		s.h.Log().Debug(line)
	}
	return nil
}
