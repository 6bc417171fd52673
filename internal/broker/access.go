// SPDX-License-Identifier: LGPL-3.0-or-later

package broker

import (
	"log/slog"

	"goflux/internal/config"
	"goflux/internal/sys/userdb"
)

// accessPolicy is the [access] table (flux-config-access(5)).
type accessPolicy struct {
	guests    bool // allow-guest-user
	rootOwner bool // allow-root-owner
	// Who has the role admin, by names that are looked up when they connect.
	adminUsers, adminGroups []string
}

func readAccess(conf config.Table) (accessPolicy, error) {
	var p accessPolicy
	table := config.Read(conf, "access")
	p.guests, _ = table.Bool("allow-guest-user")
	p.rootOwner, _ = table.Bool("allow-root-owner")
	_, _ = table.Bool("private-mode") // what that means, the job services know
	roles, _ := table.Table("roles")
	for role := range roles {
		if role != "admin" {
			table.Fail("roles", "unknown role %q", role)
		}
	}
	if err := table.Err(true); err != nil {
		return p, err
	}
	admin := config.Read(roles, "admin")
	p.adminUsers = nameList(admin, "users")
	p.adminGroups = nameList(admin, "groups")
	return p, admin.Err(true)
}

// nameList reads an array of names.
func nameList(s *config.Section, key string) []string {
	list, _ := s.Array(key)
	var names []string
	for _, v := range list {
		name, ok := v.(string)
		if !ok {
			s.Fail(key, "Expected an array of strings")
		}
		names = append(names, name)
	}
	return names
}

// isAdmin tells whether a guest has the role admin. A name that nobody has
// gives it to nobody.
func (p accessPolicy) isAdmin(uid uint32, log *slog.Logger) bool {
	for _, name := range p.adminUsers {
		id, ok := userdb.ID(name)
		if !ok {
			log.Warn("access.roles.admin: no such user", "name", name)
		}
		if ok && id == uid {
			return true
		}
	}
	for _, name := range p.adminGroups {
		in, ok := userdb.InGroup(uid, name)
		if !ok {
			log.Warn("access.roles.admin: no such group", "name", name)
		}
		if in {
			return true
		}
	}
	return false
}
