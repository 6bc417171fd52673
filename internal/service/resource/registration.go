// SPDX-License-Identifier: LGPL-3.0-or-later

package resource

import (
	"goflux/internal/message"
	"goflux/internal/service"
	"goflux/internal/sys/topology"
)

// Leader is the service of rank 0.
func Leader() *service.Registration { return leaderWith(system{}) }

// Follower is the service of the other ranks.
func Follower() *service.Registration { return followerWith(system{}) }

// LeaderOn and FollowerOn are Leader and Follower on a node that has what is
// given, whatever the system says: a simulated one.
func LeaderOn(has topology.Inventory) *service.Registration { return leaderWith(given{has}) }

// FollowerOn is described at [LeaderOn].
func FollowerOn(has topology.Inventory) *service.Registration { return followerWith(given{has}) }

func leaderWith(node node) *service.Registration {
	return &service.Registration{
		Name: "resource",
		New: func(h service.Host, args []string) (any, error) {
			opt, err := readOptions(h, args)
			if err != nil {
				return nil, err
			}
			return newLeader(h, opt, node), nil
		},
		Methods: []service.Method{
			service.Raw("resource.acquire", service.Owner, (*leader).acquire),
			service.Deferred("resource.acquire-cancel", service.Owner, (*leader).acquireCancel),
			service.Unary("resource.acquire-mute", service.Owner, (*leader).acquireMute),
			service.Deferred("resource.drain", service.Owner, (*leader).drain),
			service.Deferred("resource.undrain", service.Owner, (*leader).undrain),
			service.Raw("resource.status", service.Guests, (*leader).status),
			service.Raw("resource.sched-status", service.Guests, (*leader).schedStatus),
			service.Raw("resource.get", service.Owner, (*leader).get),
			service.Deferred("resource.reload", service.Owner, (*leader).reload),
			service.Raw("resource.expiration-update", service.Owner, (*leader).expirationUpdate),
			service.Raw("resource.topo-get", service.Guests, (*leader).topoGet),
			service.Deferred("resource.topo-reduce", service.Owner, (*leader).reduce),
			service.Raw("resource.journal", service.Owner, (*leader).journalOpen),
			service.Deferred("resource.journal-cancel", service.Owner, (*leader).journalCancel),
			service.Deferred("resource.monitor-waitup", service.Owner, (*leader).waitUp),
			service.Deferred("resource.monitor-force-down", service.Owner, (*leader).forceDown),
		},
	}
}

func followerWith(node node) *service.Registration {
	elsewhere := func(topic string, allow message.Role, err error) service.Method {
		return service.Raw(topic, allow, func(_ *follower, c *service.Call) { c.Fail(err) })
	}
	return &service.Registration{
		Name: "resource",
		New: func(h service.Host, args []string) (any, error) {
			opt, err := readOptions(h, args)
			if err != nil {
				return nil, err
			}
			return newFollower(h, opt, node), nil
		},
		Methods: []service.Method{
			service.Raw("resource.get", service.Owner, (*follower).get),
			service.Raw("resource.topo-get", service.Guests, (*follower).topoGet),
			elsewhere("resource.status", service.Guests, errRank0),
			elsewhere("resource.sched-status", service.Guests, errRank0),
			elsewhere("resource.monitor-waitup", service.Owner, errRank0),
			elsewhere("resource.monitor-force-down", service.Owner, errRank0),
			elsewhere("resource.reload", service.Owner, onlyOnRank0("resource.reload")),
			elsewhere("resource.expiration-update", service.Owner, onlyOnRank0("resource.expiration-update")),
		},
	}
}
