// SPDX-License-Identifier: LGPL-3.0-or-later

// Package config is the built-in service that keeps the instance's
// configuration (flux-config(1), flux-config(5)): config.get, config.reload
// from the files, config.load from a request. A change counts only when every
// module has accepted it; if one refuses, those that had are told the old one
// again. Followers take the leader's configuration by way of their parent, when
// they join and whenever it changes.
package config
