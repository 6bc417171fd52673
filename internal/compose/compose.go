// SPDX-License-Identifier: LGPL-3.0-or-later

package compose

import (
	"goflux/internal/service"
	"goflux/internal/service/config"
	"goflux/internal/service/content"
	"goflux/internal/service/contentfiles"
	"goflux/internal/service/contentsqlite"
	"goflux/internal/service/cron"
	"goflux/internal/service/groups"
	"goflux/internal/service/heartbeat"
	"goflux/internal/service/jobagent"
	"goflux/internal/service/jobexec"
	"goflux/internal/service/jobs"
	"goflux/internal/service/kvs"
	"goflux/internal/service/kvswatch"
	"goflux/internal/service/overlay"
	"goflux/internal/service/resource"
	"goflux/internal/service/rexec"
	"goflux/internal/service/sched"
)

// Env is what composition needs of the broker.
type Env interface {
	Rank() uint32
	Attr(name string) (string, bool)
	// Provide makes an object available to services under key. It is made when
	// a service first asks for it; when that fails the service gets nil and
	// the log tells why. It is closed after the last module if it has Close.
	Provide(key string, make func() (any, error))
}

// Services returns the registrations that a broker can load by name, those
// that are builtin among them. Each service package adds its own.
func Services(env Env) []*service.Registration {
	everywhere := []*service.Registration{
		config.Service, // the built-in ones in the order of loading
		overlay.Service,
		groups.Service,
		rexec.Registration(),
		heartbeat.Service,
		cron.Service(),
		jobagent.Registration(),
		content.Service(),
	}
	provideStatsd(env)
	if env.Rank() == 0 {
		provideStore(env)
		return append(everywhere, leader()...)
	}
	return append(everywhere, follower()...)
}

func leader() []*service.Registration {
	all := []*service.Registration{
		contentsqlite.Service(),
		contentfiles.Service(),
		kvs.Leader(),
		kvswatch.Leader(),
	}
	all = append(all, jobs.Leader()...)
	return append(all, jobexec.Registration(), resource.Leader(), sched.Simple(), sched.FIFO(), sched.Backfill())
}

func follower() []*service.Registration {
	var all []*service.Registration
	all = append(all, kvs.Follower(), kvswatch.Follower(), resource.Follower())
	return append(all, jobs.Follower()...)
}
