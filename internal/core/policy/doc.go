// SPDX-License-Identifier: LGPL-3.0-or-later

// Package policy is a site's policy about job requests (RFC 33,
// flux-config-policy(5), flux-config-queues(5)): the queues there are, what is
// filled in where a request says nothing, and the limits it is held to.
//
// [Parse] reads the tables [policy] and [queues] of the configuration and
// refuses what makes no sense. Of three levels, the general policy, a queue's
// parent and the queue itself, the later one overrides the earlier key by key;
// that is worked out once, when the configuration is read.
package policy
