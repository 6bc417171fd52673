// SPDX-License-Identifier: LGPL-3.0-or-later

package rpc

import (
	"github.com/go-json-experiment/json/jsontext"

	"goflux/rset"
)

// ResourceAcquired answers resource.acquire (RFC 28): the first answer has
// Resources and Up, later ones what changed. Idsets are RFC 22 strings, absent
// where they are empty.
type ResourceAcquired struct {
	Resources  *rset.R  `json:"resources,omitempty"`
	Up         *string  `json:"up,omitempty"`
	Down       *string  `json:"down,omitempty"`
	Shrink     *string  `json:"shrink,omitempty"`
	Expiration *float64 `json:"expiration,omitempty"` // seconds since the epoch
}

// ResourceDrain is resource.drain and resource.undrain: targets are an idset or
// a hostlist; mode is empty, update, overwrite or force-overwrite.
type ResourceDrain struct {
	Targets string  `json:"targets"`
	Reason  *string `json:"reason,omitempty"`
	Mode    string  `json:"mode,omitzero"`
}

// ResourceDrained is what is told of drained ranks.
type ResourceDrained struct {
	Timestamp float64 `json:"timestamp"`
	Reason    string  `json:"reason"`
}

// ResourceStatus answers resource.status. The keys of Drain are idsets.
type ResourceStatus struct {
	R       *rset.R                    `json:"R"`
	Drain   map[string]ResourceDrained `json:"drain"`
	Online  string                     `json:"online"`
	Offline string                     `json:"offline"`
	Exclude string                     `json:"exclude"`
	Torpid  string                     `json:"torpid"`
}

// SchedStatus answers resource.sched-status and sched.resource-status.
type SchedStatus struct {
	All       *rset.R `json:"all"`
	Down      *rset.R `json:"down"`
	Allocated *rset.R `json:"allocated"`
}

// JobManagerResources answers job-manager.resource-status: what jobs hold.
type JobManagerResources struct {
	Allocated jsontext.Value `json:"allocated"`
}

// ResourceGet answers resource.get.
type ResourceGet struct {
	R      *rset.R `json:"R"`
	Method string  `json:"method"` // RFC 44, resource-define
}

// ResourceReload is resource.reload: path is a file with R or, with XML, a
// directory of RANK.xml files. Force allows ranks that have no broker.
type ResourceReload struct {
	Path  string `json:"path"`
	XML   bool   `json:"xml"`
	Force bool   `json:"force"`
}

// ResourceReduce is resource.topo-reduce: what Count ranks found they have.
type ResourceReduce struct {
	Count    int     `json:"count"`
	Resource *rset.R `json:"resource"`
}

// ResourceExpiration is resource.expiration-update, in seconds since the epoch.
type ResourceExpiration struct {
	Expiration *float64 `json:"expiration"`
}

// ResourceUp is resource.monitor-waitup: it is answered when so many ranks are up.
type ResourceUp struct {
	Up *int `json:"up"`
}

// ResourceRanks is resource.monitor-force-down: an idset.
type ResourceRanks struct {
	Ranks string `json:"ranks"`
}

// ResourceEvents answers resource.journal (RFC 44). R comes with resource-define;
// no events at all mark the end of the history.
type ResourceEvents struct {
	Events []jsontext.Value `json:"events"`
	R      *rset.R          `json:"R,omitempty"`
}

// SchedStats answers sched-simple.stats-get. Times are in seconds.
type SchedStats struct {
	SchedPasses       int     `json:"sched_passes"`
	SchedYields       int     `json:"sched_yields"`
	ForecastPasses    int     `json:"forecast_passes"`
	ForecastYields    int     `json:"forecast_yields"`
	SchedDelay        float64 `json:"sched_delay"`
	SchedDurationEWMA float64 `json:"sched_duration_ewma"`
	SchedIntervalEWMA float64 `json:"sched_interval_ewma"`
	PendingJobs       int     `json:"pending_jobs"`
}
